//! `cargo xtask fuzz parse`; on stable Rust `cargo run --bin parse FILE...` runs inputs that were found before.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pxeguard_fuzz::parse(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    pxeguard_fuzz::replay(pxeguard_fuzz::parse, std::env::args_os().skip(1))
}
