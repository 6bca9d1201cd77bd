"""Takes Python's small objects from huge pages (plaudit_schemas.compiled.huge_pages)."""

cdef extern from *:
    """
    #include <Python.h>

    #if defined(__linux__) && defined(__GLIBC__)
    #include <malloc.h>
    #include <stdint.h>
    #include <sys/mman.h>

    enum { REGIONS = 4096 };
    static const size_t REGION = (size_t)64 << 20, HUGE = (size_t)2 << 20, ARENA = (size_t)1 << 20;

    static PyObjectArenaAllocator before;
    static char *regions[REGIONS];
    static int taken;
    static char *next_arena, *region_end;
    static void *unused;  /* arenas that were given back: each begins with the address of the next */

    static int new_region(void)
    {
        if (taken == REGIONS) return 0;
        char *found = mmap(NULL, REGION + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (found == MAP_FAILED) return 0;
        char *start = (char *)(((uintptr_t)found + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
        if (start > found) munmap(found, start - found);
        if (start < found + HUGE) munmap(start + REGION, found + HUGE - start);
        madvise(start, REGION, MADV_HUGEPAGE);  /* where it is refused, its pages are small */
        regions[taken++] = next_arena = start;
        region_end = start + REGION;
        return 1;
    }

    static void *take_arena(void *ctx, size_t size)
    {
        (void)ctx;
        if (size != ARENA) return before.alloc(before.ctx, size);  /* Python's stack comes from here too */
        if (unused != NULL) {
            void *arena = unused;
            unused = *(void **)arena;
            return arena;
        }
        if (next_arena == region_end && !new_region()) return before.alloc(before.ctx, size);
        char *arena = next_arena;
        next_arena += ARENA;
        return arena;
    }

    static void give_arena_back(void *ctx, void *arena, size_t size)
    {
        (void)ctx;
        for (int i = 0; size == ARENA && i < taken; i++) {
            if ((char *)arena >= regions[i] && (char *)arena < regions[i] + REGION) {
                *(void **)arena = unused;
                unused = arena;
                return;
            }
        }
        before.free(before.ctx, arena, size);  /* from before the change, or from beyond the last region */
    }

    /* Python calls both functions with its lock held. */
    static int take_over(void)
    {
        if (before.alloc != NULL) return 1;
        PyObjectArenaAllocator ours = {NULL, take_arena, give_arena_back};
        PyObject_GetArenaAllocator(&before);
        PyObject_SetArenaAllocator(&ours);
        /* Larger blocks are glibc's. By default it gives them back to the kernel many times a second. */
        mallopt(M_MMAP_THRESHOLD, 32 << 20);
        mallopt(M_TRIM_THRESHOLD, 256 << 20);
        mallopt(M_TOP_PAD, 4 << 20);
        return 1;
    }

    static int regions_taken(void) { return taken; }
    #else
    static int take_over(void) { return 0; }
    static int regions_taken(void) { return 0; }
    #endif
    """
    int _take_over "take_over"()
    int _regions_taken "regions_taken"()


def take_over() -> bool:
    """Let Python take the memory of small objects from regions of huge pages from now on.

    Returns:
        False where this platform has none; nothing is changed then.
    """
    return bool(_take_over())


def regions_taken() -> int:
    """The number of regions, of 64 MiB each, that were taken from the kernel."""
    return _regions_taken()
