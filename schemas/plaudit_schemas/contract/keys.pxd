# Types of C for the compiled module. The Python source is complete without them.
cimport cython

@cython.locals(multiplier="unsigned long long", mask="unsigned long long", value="unsigned long long", whole=Py_ssize_t, start=Py_ssize_t, word="unsigned long long")
cpdef murmur2(bytes data)
