// The form of ChirpStack v3, with a table of fields as generated codecs have it, and a global that it forgets to declare.
const FIELDS = [
  { name: "nh3", size: 2, div: 100 },
  { name: "temperature", size: 2, div: 10, signed: true },
  { name: "occupied", size: 1, map: { 0: false, 1: true } },
];

function Decode(fPort, bytes, variables) {
  at = 0;
  return FIELDS.reduce((data, field) => {
    let raw = 0;
    for (let i = 0; i < field.size; i++) raw = raw * 256 + bytes[at++];
    if (field.signed && raw >= 2 ** (8 * field.size - 1)) raw -= 2 ** (8 * field.size);
    data[field.name] = field.map ? field.map[raw] : raw / field.div;
    return data;
  }, {});
}
