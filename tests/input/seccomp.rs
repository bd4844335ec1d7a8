//! A kernel without some system calls, made of one that has them (seccomp(2)).

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc::{self, sock_filter, sock_fprog};

/// Makes a system call fail for the command and all that it starts.
pub fn refuse(mut command: Command, system_call: libc::c_long, errno: libc::c_int) -> Command {
    let mut filter = filter(system_call as u32, errno as u32);
    // SAFETY: between fork and exec it calls prctl alone, which is one system call.
    unsafe { command.pre_exec(move || install(&mut filter)) };
    command
}

/// Classic BPF over `struct seccomp_data`, whose first field is the number of the call.
fn filter(system_call: u32, errno: u32) -> [sock_filter; 4] {
    let instruction = |code: u32, jt, jf, k| sock_filter { code: code as u16, jt, jf, k };
    [
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, system_call),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | errno),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

fn install(filter: &mut [sock_filter; 4]) -> io::Result<()> {
    let program = sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    let mode = libc::c_ulong::from(libc::SECCOMP_MODE_FILTER);
    // SAFETY: the kernel copies the program, which refers to a filter of that length.  Root needs no NO_NEW_PRIVS.
    match unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
