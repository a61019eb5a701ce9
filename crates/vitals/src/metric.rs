//! What a figure is, apart from its value: name, meaning, kind. And tables that read figures from statistics.

/// What stands before every name that is exported.
pub const PREFIX: &str = "evergreen";

/// Whether a figure may fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A size at one moment.
    Gauge,
    /// A count that only rises, from the start of what it counts.
    Counter,
}

/// What a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// What it belongs to and what it counts, with a dot between, and the base unit at its end where it has one:
    /// `gossip_buffer.bytes`.
    pub name: &'static str,
    /// One sentence on what it counts.
    pub help: &'static str,
    /// Whether it may fall.
    pub kind: Kind,
}

impl Metric {
    /// A size.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            kind: Kind::Gauge,
        }
    }

    /// A count that only rises.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            kind: Kind::Counter,
        }
    }

    /// What it belongs to, and its name therein.
    pub fn parts(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }

    /// Its name in the exposition, without the `_total` that a counter ends in there.
    pub fn exported(&self) -> String {
        format!("{PREFIX}_{}", self.name.replace('.', "_"))
    }
}

/// One figure at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// What it is.
    pub metric: &'static Metric,
    /// Tells apart figures of one metric: the name of a label, and its value. Both are the program's own words, never
    /// something that a peer can choose.
    pub label: Option<(&'static str, &'static str)>,
    /// How much there is, in the unit that the name ends in.
    pub value: f64,
    /// What it is bounded by, in the same unit; `None` where nothing bounds it. Exported beside it as `<name>_limit`.
    pub limit: Option<f64>,
}

impl Reading {
    /// A figure without a bound.
    pub fn new(metric: &'static Metric, value: f64) -> Self {
        Self {
            metric,
            label: None,
            value,
            limit: None,
        }
    }

    /// The same with a bound.
    #[must_use]
    pub fn limit(self, limit: f64) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }

    /// The same with a label.
    #[must_use]
    pub fn label(self, name: &'static str, value: &'static str) -> Self {
        Self {
            label: Some((name, value)),
            ..self
        }
    }

    /// How full it is.
    pub fn state(&self) -> State {
        match self.limit {
            Some(limit) if self.value > limit => State::Past,
            Some(limit) if self.value >= limit => State::Full,
            Some(limit) if self.value >= limit * NEAR => State::Near,
            Some(_) | None => State::Ok,
        }
    }
}

/// From which share of its bound a figure is near it.
const NEAR: f64 = 0.8;

/// How full something is, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Below four fifths of its bound, or without one.
    Ok,
    /// At four fifths or more.
    Near,
    /// At its bound: something makes room for each newcomer.
    Full,
    /// Past a bound that was set for this watch, or that only trusted sources may take it beyond.
    Past,
}

impl State {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Near => "near",
            Self::Full => "full",
            Self::Past => "past",
        }
    }
}

/// How a figure is read from statistics `S`.
pub(crate) struct Column<S: 'static> {
    pub metric: Metric,
    value: fn(&S) -> f64,
    limit: fn(&S) -> Option<f64>,
}

impl<S> Column<S> {
    pub const fn gauge(name: &'static str, help: &'static str, value: fn(&S) -> f64) -> Self {
        Self {
            metric: Metric::gauge(name, help),
            value,
            limit: |_| None,
        }
    }

    pub const fn counter(name: &'static str, help: &'static str, value: fn(&S) -> f64) -> Self {
        Self {
            metric: Metric::counter(name, help),
            value,
            limit: |_| None,
        }
    }

    pub const fn limit(self, limit: fn(&S) -> Option<f64>) -> Self {
        Self { limit, ..self }
    }
}

/// Reads a whole table of figures.
pub(crate) fn read<S>(table: &'static [Column<S>], stats: &S) -> Vec<Reading> {
    table
        .iter()
        .map(|column| Reading {
            metric: &column.metric,
            label: None,
            value: (column.value)(stats),
            limit: (column.limit)(stats),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    static PEERS: Metric = Metric::gauge("address_book.peers", "Known peers.");

    #[test]
    fn a_figure_is_as_full_as_its_bound_says() {
        let state = |value, limit| Reading::new(&PEERS, value).limit(limit).state();
        assert_eq!(state(79.0, 100.0), State::Ok);
        assert_eq!(state(80.0, 100.0), State::Near);
        assert_eq!(state(100.0, 100.0), State::Full);
        assert_eq!(state(101.0, 100.0), State::Past);
        assert_eq!(Reading::new(&PEERS, f64::MAX).state(), State::Ok);
    }

    #[test]
    fn a_name_is_exported_with_prefix_and_without_dots() {
        assert_eq!(PEERS.exported(), "evergreen_address_book_peers");
        assert_eq!(PEERS.parts(), ("address_book", "peers"));
    }
}
