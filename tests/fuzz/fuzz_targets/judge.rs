//! `cargo xtask fuzz judge`; on stable Rust `cargo run --bin judge FILE...` runs inputs that were found before.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pxeguard_fuzz::judge(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    pxeguard_fuzz::replay(pxeguard_fuzz::judge, std::env::args_os().skip(1))
}
