//! What a fleet's run prints: a row a pair of sides, a row a patched node's memory, and what it means.

use std::time::Duration;

use comfy_table::Cell;

use super::{table, units};
use crate::fleet::{Arrived, Outcome, Weighed};
use crate::verdict::Trend;

/// The tables and the line under them.
pub fn fleet(outcome: &Outcome, took: Duration) -> String {
    let arrivals = &outcome.arrivals;
    let header = ["fault", "from", "to", "gossip", "sync"].map(Cell::new);
    let rows = arrivals.iter().map(|((fault, from, to), arrived)| {
        let share = |count| table::right(format!("{count} of {}", arrived.of));
        vec![
            Cell::new(fault),
            Cell::new(from),
            Cell::new(to),
            share(arrived.gossip),
            share(arrived.sync),
        ]
    });
    let arrived = if arrivals.values().all(Arrived::whole) {
        "everything reached everybody"
    } else {
        "something did not arrive in time"
    };
    let held = match outcome.memory_trend() {
        None => "",
        Some(Trend::Flat) => "; memory is flat",
        Some(Trend::Grows) => "; memory GROWS",
        Some(Trend::CannotTell) => "; whether memory is flat cannot be told",
    };
    format!(
        "\nNodes of both sides in one network: what arrived\n\n{}\n{}\nresult: {arrived}{held}, after {:.1} s\n",
        table::plain(header.into(), rows).trim_fmt(),
        outcome.memory.as_deref().map_or(String::new(), memory),
        took.as_secs_f64()
    )
}

fn memory(nodes: &[Weighed]) -> String {
    if nodes.is_empty() {
        return "\nNo patched node was there all the time, so none has a memory before and after\n"
            .into();
    }
    let header = ["node", "before", "after", "more", "budget", "verdict"].map(Cell::new);
    let bytes = |bytes: Option<f64>| table::right(bytes.map_or("–".into(), units::bytes));
    let rows = nodes.iter().map(|node| {
        vec![
            Cell::new(&node.member),
            bytes(node.before_bytes.map(|bytes| bytes as f64)),
            bytes(node.after_bytes.map(|bytes| bytes as f64)),
            bytes(node.more_bytes().map(|bytes| bytes as f64)),
            bytes(Some(node.budget_bytes as f64)),
            Cell::new(super::attach::word(node.trend())),
        ]
    });
    format!(
        "\nLive heap of the patched nodes that were there all the time: before the faults, and after them\n\n{}\n",
        table::plain(header.into(), rows).trim_fmt()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Arrivals, Fault};
    use crate::protocol::Side;

    #[test]
    fn a_loss_in_one_direction_is_in_its_row_and_in_the_result() {
        let whole = Arrived {
            gossip: 4,
            sync: 4,
            of: 4,
        };
        let lossy = Arrived { sync: 3, ..whole };
        let mut outcome = Outcome {
            arrivals: Arrivals::from([((Fault::None, Side::Upstream, Side::Patched), whole)]),
            memory: None,
        };
        let text = fleet(&outcome, Duration::from_secs(2));
        assert_eq!(outcome.exit_code(), 0);
        assert!(
            text.contains("everything reached everybody, after 2.0 s"),
            "{text}"
        );

        let key = (Fault::SameKey, Side::Patched, Side::Upstream);
        outcome.arrivals.insert(key, lossy);
        let text = fleet(&outcome, Duration::from_secs(2));
        assert_eq!(outcome.exit_code(), 1);
        let row = text
            .lines()
            .find(|line| line.starts_with("restarted, same key"))
            .unwrap();
        assert!(row.contains("4 of 4") && row.contains("3 of 4"), "{text}");
        assert!(text.contains("did not arrive"), "{text}");
    }

    #[test]
    fn a_node_that_holds_more_than_its_budget_is_in_its_row_and_in_the_result() {
        let mut flat = Outcome {
            arrivals: Arrivals::new(),
            memory: Some(vec![Weighed {
                member: "patched-1".into(),
                before_bytes: Some(5 << 20),
                after_bytes: Some((5 << 20) + 1024),
                budget_bytes: 1024,
            }]),
        };
        let said = |outcome: &Outcome| fleet(outcome, Duration::from_secs(2));
        assert!(
            said(&flat).contains("everybody; memory is flat"),
            "{}",
            said(&flat)
        );
        assert_eq!(flat.exit_code(), 0);

        let [grows, untold] = [Some(6 << 20), None].map(|after_bytes| {
            let mut other = flat.clone();
            let memory = other.memory.as_mut().unwrap();
            let node = Weighed {
                after_bytes,
                ..memory[0].clone()
            };
            memory.push(node);
            other
        });
        assert!(
            said(&grows).contains("GROWS") && said(&grows).contains("1.00 MiB"),
            "{}",
            said(&grows)
        );
        assert_eq!(grows.exit_code(), 1);
        assert!(
            said(&untold).contains("cannot be told"),
            "{}",
            said(&untold)
        );
        assert_eq!(untold.exit_code(), 2);

        flat.memory = Some(Vec::new());
        assert!(
            said(&flat).contains("No patched node was there"),
            "{}",
            said(&flat)
        );
        assert_eq!(flat.exit_code(), 2);
    }
}
