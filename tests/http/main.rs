//! Real HTTP clients fetch files.
