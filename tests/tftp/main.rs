//! Real TFTP clients fetch files, on good wires and bad ones.
