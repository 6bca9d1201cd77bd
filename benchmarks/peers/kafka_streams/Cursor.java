package plaudit.peers;

/** Reads Avro's binary form from a byte array by hand. It passes over texts without decoding them. */
final class Cursor {
    final byte[] bytes;
    int at;

    Cursor(byte[] bytes, int at) {
        this.bytes = bytes;
        this.at = at;
    }

    /** A long, an int, or the index of an enum or a union. */
    long readLong() {
        long value = 0;
        int shift = 0;
        byte next;
        do {
            next = bytes[at++];
            value |= (long) (next & 0x7f) << shift;
            shift += 7;
        } while (next < 0);
        return (value >>> 1) ^ -(value & 1);
    }

    boolean readBoolean() {
        return bytes[at++] != 0;
    }

    /** The index of a union whose first branch is null: 0 is null. */
    int readBranch() {
        return (int) readLong();
    }

    /** Pass over a string. Returns where its text begins; it ends where the cursor is. */
    int skipString() {
        int length = (int) readLong();
        int begin = at;
        at += length;
        return begin;
    }

    void skipOptionalString() {
        if (readBranch() == 1) {
            skipString();
        }
    }

    /** A nullable long, or `missing`. */
    long readOptionalLong(long missing) {
        return readBranch() == 1 ? readLong() : missing;
    }

    /** Pass over the blocks of an array or a map. */
    void skipBlocks(Runnable item) {
        for (long count = readLong(); count != 0; count = readLong()) {
            if (count < 0) {
                int size = (int) readLong();
                at += size;
                continue;
            }
            for (; count > 0; count--) {
                item.run();
            }
        }
    }

    void skipMap() {
        skipBlocks(this::skipEntry);
    }

    private void skipEntry() {
        skipString();
        skipString();
    }
}
