# Types of C for the compiled module. The Python source is complete without them.
cimport cython

@cython.locals(value="unsigned long long", shift=cython.int, byte="unsigned long long")
cpdef (long long, Py_ssize_t) read_long(bytes payload, Py_ssize_t position)

@cython.locals(low=cython.int, high=cython.int, size="long long")
cpdef (Py_ssize_t, Py_ssize_t) read_size(bytes payload, Py_ssize_t position)

@cython.locals(count="long long", _=Py_ssize_t)
cpdef (Py_ssize_t, Py_ssize_t) read_block(bytes payload, Py_ssize_t position)

@cython.locals(number="long long", sign="long long", rest="unsigned long long")
cpdef void append_long(bytearray out, value) except *

cpdef void append_size(bytearray out, Py_ssize_t size) except *
