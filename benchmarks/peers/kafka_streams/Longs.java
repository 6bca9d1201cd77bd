package plaudit.peers;

import java.io.ByteArrayOutputStream;

/** Writes Avro's longs. */
final class Longs {
    private Longs() {}

    static void write(ByteArrayOutputStream out, long value) {
        long rest = (value << 1) ^ (value >> 63);
        while ((rest & ~0x7fL) != 0) {
            out.write((int) ((rest & 0x7f) | 0x80));
            rest >>>= 7;
        }
        out.write((int) rest);
    }
}
