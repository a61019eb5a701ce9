//! What a fleet's run prints: a row a pair of sides, and what it means.

use std::time::Duration;

use comfy_table::Cell;

use super::table;
use crate::fleet::{Arrivals, Arrived};

/// The table and the line under it.
pub fn fleet(arrivals: &Arrivals, took: Duration) -> String {
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
    let result = if arrivals.values().all(Arrived::whole) {
        "everything reached everybody"
    } else {
        "something did not arrive in time"
    };
    format!(
        "\nNodes of both sides in one network: what arrived\n\n{}\n\nresult: {result}, after {:.1} s\n",
        table::plain(header.into(), rows).trim_fmt(),
        took.as_secs_f64()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Fault;
    use crate::protocol::Side;

    #[test]
    fn a_loss_in_one_direction_is_in_its_row_and_in_the_result() {
        let whole = Arrived {
            gossip: 4,
            sync: 4,
            of: 4,
        };
        let lossy = Arrived { sync: 3, ..whole };
        let mut arrivals = Arrivals::from([((Fault::None, Side::Upstream, Side::Patched), whole)]);
        let text = fleet(&arrivals, Duration::from_secs(2));
        assert!(
            text.contains("everything reached everybody, after 2.0 s"),
            "{text}"
        );

        arrivals.insert((Fault::SameKey, Side::Patched, Side::Upstream), lossy);
        let text = fleet(&arrivals, Duration::from_secs(2));
        let row = text
            .lines()
            .find(|line| line.starts_with("restarted, same key"))
            .unwrap();
        assert!(row.contains("4 of 4") && row.contains("3 of 4"), "{text}");
        assert!(text.contains("did not arrive"), "{text}");
    }
}
