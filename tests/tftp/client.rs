//! A TFTP client of our own, of which a thousand can run at once.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// How long it waits before it says again what it said last.
const REPEAT: Duration = Duration::from_millis(1500);
/// After which it gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Fetches a file in blocks of `block_size` and windows of `window`, and compares it with what it should be.
///
/// An error says what went wrong.
pub fn fetch(
    socket: &UdpSocket,
    server: Ipv4Addr,
    file: &str,
    (block_size, window): (usize, u16),
    expected: &[u8],
) -> Result<(), String> {
    let request = format!("\0\x01{file}\0octet\0blksize\0{block_size}\0windowsize\0{window}\0");
    let answer = [&b"\0\x06"[..], format!("blksize\0{block_size}\0windowsize\0{window}\0").as_bytes()].concat();
    // A datagram that a firewall drops is reported when it is sent; it is lost like any other.
    let ask = || drop(socket.send_to(request.as_bytes(), (server, 69)));
    let acknowledge = |block: u64, to| {
        let [high, low] = (block as u16).to_be_bytes();
        drop(socket.send_to(&[0, 4, high, low], to));
    };
    socket.set_read_timeout(Some(REPEAT)).map_err(|error| error.to_string())?;
    ask();
    let begun = Instant::now();
    let mut transfer: Option<SocketAddr> = None;
    let (mut blocks, mut acknowledged, mut got) = (0_u64, 0, 0);
    let mut datagram = vec![0; block_size + 4];
    while begun.elapsed() < PATIENCE {
        let Ok((len, from)) = socket.recv_from(&mut datagram) else {
            match transfer {
                None => ask(),
                Some(to) => acknowledge(blocks, to),
            }
            acknowledged = blocks;
            continue;
        };
        let to = *transfer.get_or_insert(from);
        if to != from {
            continue;
        }
        match datagram[..len].split_at(4.min(len)) {
            _ if datagram[..len] == answer[..] => acknowledge(blocks, to),
            ([0, 3, high, low], data) if u16::from_be_bytes([*high, *low]) == (blocks + 1) as u16 => {
                if expected.get(got..got + data.len()) != Some(data) {
                    return Err(format!("block {} is not as it should be", blocks + 1));
                }
                (blocks, got) = (blocks + 1, got + data.len());
                let is_last = data.len() < block_size;
                if is_last || blocks - acknowledged == u64::from(window) {
                    acknowledged = blocks;
                    acknowledge(blocks, to);
                }
                if is_last {
                    let whole = got == expected.len();
                    return whole.then_some(()).ok_or_else(|| format!("{got} bytes of {}", expected.len()));
                }
            }
            // Something is missing, or came twice: what it has is said once (RFC 7440 §4).
            ([0, 3, ..], _) if acknowledged != blocks => {
                acknowledged = blocks;
                acknowledge(blocks, to);
            }
            ([0, 3, ..], _) => {}
            (other, text) => return Err(format!("{other:?} {}", text.escape_ascii())),
        }
    }
    Err(format!("{got} bytes in {PATIENCE:?}"))
}
