-- What the door of the embedded broker asks every two seconds, and keys for brokers beside the hub.

CREATE INDEX api_keys_revoked ON api_keys (revoked_at) WHERE revoked_at IS NOT NULL;

-- The key as mosquitto hashes passwords (PBKDF2 of SHA-512), made with the key, for it cannot be made of its hash.
-- Keys that are older have none.
ALTER TABLE api_keys ADD COLUMN mosquitto text CHECK (mosquitto LIKE '$7$%');
