//! Frames: what must not pass, what must, and what is counted.
