//! An XDP program of somebody else's is seen.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::libc;
use pxeguard_common::net::Ifindex;

use super::super::XdpMode;
use super::namespace::{ip, run, snapshot};

#[test]
fn xdp_program_is_told_with_its_mode() {
    run(&["ip"], || async {
        ip("link add p0 type veth peer name e0\n");
        let p0 = snapshot().await.index_of("p0").expect("it is there");
        let program = load_pass();
        // XDP_FLAGS_DRV_MODE and XDP_FLAGS_SKB_MODE of linux/if_link.h.
        for (flags, mode) in [(4, XdpMode::Native), (2, XdpMode::Generic)] {
            let attached = attach(&program, p0, flags);
            let xdp = snapshot().await.link(p0).expect("it is there").xdp.expect("attached");
            assert_eq!(xdp.mode, mode);
            assert_ne!(xdp.prog_id, 0);
            drop(attached);
            assert_eq!(snapshot().await.link(p0).expect("it is there").xdp, None);
        }
    });
}

/// Calls bpf(2), which makes a descriptor here.
fn bpf(command: libc::c_long, attributes: &[u64; 16]) -> OwnedFd {
    // SAFETY: the kernel reads the attributes, whose pointers the callers keep valid for the call.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, attributes.as_ptr(), size_of_val(attributes)) };
    assert!(fd >= 0, "bpf: {}", std::io::Error::last_os_error());
    // SAFETY: both commands return a descriptor of ours.
    unsafe { OwnedFd::from_raw_fd(fd as i32) }
}

/// `BPF_PROG_LOAD` of `return XDP_PASS`.
fn load_pass() -> OwnedFd {
    let instructions: [u64; 2] = [0x0000_0002_0000_00b7, 0x0000_0000_0000_0095];
    let mut attributes = [0; 16];
    // prog_type is BPF_PROG_TYPE_XDP, insn_cnt is 2.
    attributes[0] = 6 | 2 << 32;
    attributes[1] = instructions.as_ptr() as u64;
    attributes[2] = c"GPL".as_ptr() as u64;
    bpf(5, &attributes)
}

/// `BPF_LINK_CREATE`, which holds as long as the descriptor.
fn attach(program: &OwnedFd, interface: Ifindex, flags: u64) -> OwnedFd {
    let mut attributes = [0; 16];
    attributes[0] = program.as_raw_fd() as u64 | u64::from(interface.0) << 32;
    // attach_type is BPF_XDP.
    attributes[1] = 37 | flags << 32;
    bpf(28, &attributes)
}
