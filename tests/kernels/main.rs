//! Kernels other than this machine's: Debian's own, under QEMU, with an initramfs that a test makes.

mod archive;
mod cards;
mod linux;
mod linux_6_1;
mod linux_6_12;
mod machine;
mod story;
