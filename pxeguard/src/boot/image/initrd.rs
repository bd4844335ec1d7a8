//! Initial RAM disks: a cpio archive, mostly compressed (Linux, `lib/decompress.c`).

/// How an archive begins: gzip, bzip2, lzma, xz, lzo, lz4, zstd; and cpio itself, `070701` and `070702`.
const MAGICS: [&[u8]; 9] = [
    &[0x1f, 0x8b],
    b"BZh",
    &[0x5d, 0x00, 0x00],
    &[0xfd, b'7', b'z', b'X', b'Z', 0x00],
    &[0x89, b'L', b'Z', b'O', 0x00],
    &[0x02, 0x21, 0x4c, 0x18],
    &[0x28, 0xb5, 0x2f, 0xfd],
    b"070701",
    b"070702",
];

/// Whether Linux could take it for an initial RAM disk.
pub(super) fn is_initrd(head: &[u8]) -> bool {
    MAGICS.iter().any(|magic| head.starts_with(magic))
}
