-- By which protocol, and through which connection of the settings, a device was heard last.
ALTER TABLE device_state ADD COLUMN protocol text;
ALTER TABLE device_state ADD COLUMN source text;
