"""Storage for the sink's files: the protocol, local disks, object stores, and the root as a whole."""
