//! Trusted servers that do not answer any more, though clients ask.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use pxeguard_common::net::{Ifindex, Mac};

/// How long a server may take: clients ask again after 4, 8 and 16 s (RFC 2131 §4.1).
const PATIENCE: Duration = Duration::from_secs(20);
/// So many messages without an answer are no chance: a client sends as many in that time.
const UNANSWERED: u64 = 4;

/// A trusted DHCP server, as the kernel has counted it.
#[derive(Clone, Copy, Debug)]
pub struct Answering {
    /// Where.
    pub port: Ifindex,
    /// Who.
    pub mac: Mac,
    /// The VLAN, 0 for none.
    pub vlan: u16,
    /// All its replies.
    pub replies: u64,
}

/// What is known of each.
#[derive(Debug, Default)]
pub struct Silences(HashMap<(Ifindex, Mac, u16), Last>);

#[derive(Clone, Copy, Debug)]
struct Last {
    replies: u64,
    /// Clients' messages until then.
    messages: u64,
    at: Instant,
}

impl Silences {
    /// Looks at all servers, and at how many messages clients have sent.  Returns those that are silent, with how many
    /// messages they left unanswered.
    pub fn look(&mut self, servers: &[Answering], messages: u64, now: Instant) -> Vec<(Answering, u64)> {
        let key = |server: &Answering| (server.port, server.mac, server.vlan);
        self.0.retain(|known, _| servers.iter().any(|server| key(server) == *known));
        for server in servers {
            let last = self.0.entry(key(server)).or_insert(Last { replies: server.replies, messages, at: now });
            if last.replies != server.replies {
                *last = Last { replies: server.replies, messages, at: now };
            }
        }
        let is_silent = |server: &Answering| {
            let last = self.0[&key(server)];
            let unanswered = messages.saturating_sub(last.messages);
            // Another one that answers in its VLAN does its work: a pair of which one waits is nothing to look at.
            let others = servers.iter().filter(|other| other.vlan == server.vlan);
            let is_replaced = others.map(|other| self.0[&key(other)].at).any(|at| now - at < PATIENCE);
            (!is_replaced && unanswered >= UNANSWERED && now - last.at >= PATIENCE).then_some((*server, unanswered))
        };
        servers.iter().filter_map(is_silent).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn server(mac: u8, replies: u64) -> Answering {
        Answering { port: Ifindex(7), mac: [2, 0, 0, 0, 0, mac], vlan: 0, replies }
    }

    #[test]
    fn a_server_is_silent_where_clients_ask_and_it_does_not_answer() {
        let (mut silences, start) = (Silences::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(silences.look(&[server(1, 10)], 100, start).is_empty());
        // Nobody asks.
        assert!(silences.look(&[server(1, 10)], 101, after(600)).is_empty());
        // It answers.
        assert!(silences.look(&[server(1, 12)], 110, after(605)).is_empty());
        // It does not, for a while.
        assert!(silences.look(&[server(1, 12)], 120, after(615)).is_empty());
        let silent = silences.look(&[server(1, 12)], 120, after(625));
        assert_eq!(silent.iter().map(|(_, unanswered)| *unanswered).collect::<Vec<_>>(), [10]);
        assert!(silences.look(&[server(1, 13)], 121, after(630)).is_empty());
    }

    #[test]
    fn of_two_servers_one_may_wait() {
        let (mut silences, start) = (Silences::default(), Instant::now());
        let mut answering = 0;
        for second in 0..120 {
            answering += 1;
            let servers = [server(1, 10), server(2, answering)];
            assert!(silences.look(&servers, 10 * second, start + Duration::from_secs(second)).is_empty());
        }
    }
}
