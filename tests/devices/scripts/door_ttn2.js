// The form of The Things Network v2, bytes through a Uint8Array and an old-style prototype.
function Reader(bytes) {
  this.view = new DataView(new Uint8Array(bytes).buffer);
  this.at = 0;
}
Reader.prototype.next = function () {
  return this.view.getUint8(this.at++);
};

function Decoder(bytes, port) {
  console.log("port", port);
  var reader = new Reader(bytes);
  return { door: reader.next() ? "open" : "closed", battery_voltage: reader.next() / 50, port: port };
}
