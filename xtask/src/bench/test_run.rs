//! A program of the kernel's, run on a frame from memory (kernel: Documentation/bpf/bpf_prog_run.rst).

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::libc;
use nix::time::{ClockId, clock_gettime};

/// Commands of bpf(2), from `linux/bpf.h`.
const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_PROG_TEST_RUN: libc::c_int = 10;
const BPF_PROG_GET_FD_BY_ID: libc::c_int = 13;

/// From `linux/bpf.h`.
const BPF_PROG_TYPE_XDP: u32 = 6;
/// From `linux/bpf.h`: what becomes of a frame is done, and not only told.
const BPF_F_TEST_XDP_LIVE_FRAMES: u32 = 1 << 1;

/// A loaded program.
pub struct Program(OwnedFd);

/// What running a program gave.
pub struct Ran {
    /// What the program returned, the last time.
    pub returned: u32,
    /// CPU time of one run.
    pub cost_ns: f64,
}

impl Program {
    /// By its number.
    pub fn of_id(id: u32) -> Result<Self> {
        // SAFETY: the words are `prog_id`, `next_id` and `open_flags`: all that this command reads or writes.
        let fd = unsafe { bpf(BPF_PROG_GET_FD_BY_ID, &mut [id, 0, 0]) };
        let fd = fd.with_context(|| format!("cannot open the kernel's program {id}"))?;
        // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// An XDP program that returns this number, whatever the frame.
    pub fn returning(action: u32) -> Result<Self> {
        // `r0 = action; exit`, each a `struct bpf_insn`.
        let instructions = [[[0xb7, 0, 0, 0], action.to_ne_bytes()], [[0x95, 0, 0, 0], [0; 4]]];
        let mut attributes = Load {
            program_type: BPF_PROG_TYPE_XDP,
            instruction_count: instructions.len() as u32,
            instructions: instructions.as_ptr().cast(),
            license: c"GPL".as_ptr(),
        };
        // SAFETY: instructions and licence are live, with their lengths.
        let fd = unsafe { bpf(BPF_PROG_LOAD, &mut attributes) }.context("cannot load an XDP program")?;
        // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Makes so many of a frame, as if they came in by the device whose number the context has, and does with each what
    /// the program, which is XDP's, returns.
    pub fn run_live(&self, frame: &[u8], context: &[u32], count: u32) -> Result<()> {
        let mut attributes = TestRun { flags: BPF_F_TEST_XDP_LIVE_FRAMES, ..TestRun::new(self, frame, context, count) };
        // SAFETY: frame and context are live, with their lengths; nothing is to be written out.
        unsafe { bpf(BPF_PROG_TEST_RUN, &mut attributes) }.context("cannot make frames in the kernel (Linux 5.18)")?;
        Ok(())
    }

    /// Runs it on a frame; `context` is a `struct xdp_md`, or the head of a `struct __sk_buff`.
    ///
    /// The cost is by this thread's CPU time: the kernel itself tells whole nanoseconds only, and the time on the wall
    /// has also that in which it makes ready for XDP, and that in which others run.
    pub fn run(&self, frame: &[u8], context: &[u32], repeat: u32) -> Result<Ran> {
        let mut attributes = TestRun::new(self, frame, context, repeat);
        let before = cpu_time()?;
        // SAFETY: frame and context are live, with their lengths; nothing is to be written out.
        unsafe { bpf(BPF_PROG_TEST_RUN, &mut attributes) }.context("cannot run a program in the kernel")?;
        let spent = cpu_time()? - before;
        Ok(Ran { returned: attributes.returned, cost_ns: spent.as_nanos() as f64 / f64::from(repeat) })
    }
}

/// The first members of those of `union bpf_attr` that load a program.
#[repr(C)]
struct Load {
    program_type: u32,
    instruction_count: u32,
    instructions: *const u8,
    license: *const libc::c_char,
}

/// The member `test` of `union bpf_attr`.
#[repr(C)]
struct TestRun {
    program: RawFd,
    returned: u32,
    frame_length: u32,
    out_length: u32,
    frame: *const u8,
    out: *const u8,
    repeat: u32,
    duration_ns: u32,
    context_length: u32,
    context_out_length: u32,
    context: *const u32,
    context_out: *const u32,
    flags: u32,
    cpu: u32,
    batch_size: u32,
    _pad: u32,
}

impl TestRun {
    fn new(program: &Program, frame: &[u8], context: &[u32], repeat: u32) -> Self {
        Self {
            program: program.0.as_raw_fd(),
            returned: 0,
            frame_length: frame.len() as u32,
            out_length: 0,
            frame: frame.as_ptr(),
            out: ptr::null(),
            repeat,
            duration_ns: 0,
            context_length: size_of_val(context) as u32,
            context_out_length: 0,
            context: context.as_ptr(),
            context_out: ptr::null(),
            flags: 0,
            cpu: 0,
            batch_size: 0,
            _pad: 0,
        }
    }
}

/// # Safety
/// The attributes are those of the command.
unsafe fn bpf<T>(command: libc::c_int, attributes: &mut T) -> io::Result<RawFd> {
    let attributes: *mut T = attributes;
    // SAFETY: the kernel reads and writes no more than the length says; what the attributes refer to is the caller's.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size_of::<T>()) };
    match RawFd::try_from(result) {
        Ok(result) if result >= 0 => Ok(result),
        _ => Err(io::Error::last_os_error()),
    }
}

fn cpu_time() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}
