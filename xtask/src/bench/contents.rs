//! What the boot servers serve.

/// So many bytes that do not repeat: a block in the wrong place shows.
pub fn contents(bytes: usize) -> Vec<u8> {
    // Xorshift (Marsaglia 2003), from any seed but 0.
    let mut state = 0x7078_6567_7561_7264_u64;
    let words = (0..bytes.div_ceil(8)).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(bytes).collect()
}

/// So many bytes that begin as an EFI program for x64 does, which is all that a boot server looks at.
pub fn efi_program(bytes: usize) -> Vec<u8> {
    let mut program = contents(bytes);
    program[..0x40].fill(0);
    program[..2].copy_from_slice(b"MZ");
    program[0x3c] = 0x40;
    // PE signature, machine type x64, one section; then an optional header of PE32+ whose subsystem is an EFI program.
    program[0x40..0x200].fill(0);
    program[0x40..0x44].copy_from_slice(b"PE\0\0");
    program[0x44..0x46].copy_from_slice(&0x8664_u16.to_le_bytes());
    program[0x54..0x56].copy_from_slice(&0xf0_u16.to_le_bytes());
    program[0x58..0x5a].copy_from_slice(&0x20b_u16.to_le_bytes());
    program[0x58 + 68..0x58 + 70].copy_from_slice(&10_u16.to_le_bytes());
    program[0x58 + 108..0x58 + 112].copy_from_slice(&16_u32.to_le_bytes());
    program
}
