// Node-RED as a server without an editor, and a pool of PostgreSQL connections for its function nodes, as pg makes it.
// The environment says where things are: MQTT_HOST, MQTT_PORT, DSN; the user folder comes with --userDir.
const { Pool } = require("pg");

module.exports = {
    uiHost: "127.0.0.1",
    uiPort: 0,
    disableEditor: true,
    httpAdminRoot: false,
    httpNodeRoot: false,
    credentialSecret: false,
    telemetry: { enabled: false, updateNotification: false },
    logging: { console: { level: "warn", metrics: false, audit: false } },
    functionGlobalContext: { pool: new Pool({ connectionString: process.env.DSN }) }, // ten connections, pg's default
};
