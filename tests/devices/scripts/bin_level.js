// A bin sensor after TS013: battery, distance in cm, flags; port 3 is a heartbeat, port 9 is refused.
var VERSION = "1.2";

function u16(bytes, at) {
  return (bytes[at] << 8) | bytes[at + 1];
}

function decodeUplink(input) {
  var data = { version: VERSION };
  if (input.fPort === 3) {
    data.battery = input.bytes[0];
    return { data: data, warnings: ["heartbeat only"], errors: [] };
  }
  if (input.fPort !== 2) {
    return { data: {}, warnings: [], errors: ["unknown port " + input.fPort] };
  }
  data.battery = input.bytes[0];
  data.level = { distance_cm: u16(input.bytes, 1), position: input.bytes[3] & 1 ? "tilt" : "normal" };
  data.received = input.recvTime.toISOString();
  return { data: data };
}
