// Makes ULIDs: 48 bits of milliseconds since 1970 and 80 random bits, in Crockford's base 32.

const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

export function ulid(milliseconds) {
  let time = "";
  for (let left = milliseconds, at = 0; at < 10; at++, left = Math.floor(left / 32)) time = DIGITS[left % 32] + time;
  return time + Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => DIGITS[byte % 32]).join("");
}
