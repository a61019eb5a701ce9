//! Writes figures in OpenMetrics, the text format that Prometheus scrapes, and in the format before it, which `promtool`
//! and whoever does not ask for the other reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::metric::{Kind, Metric, PREFIX, Reading};
use crate::snapshot::{Health, Snapshot};

/// In which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    OpenMetrics,
    Classic,
}

impl Format {
    /// The best that a client takes. `accept`: what it says it does, if anything.
    pub fn of(accept: Option<&str>) -> Self {
        match accept {
            Some(types) if types.contains("application/openmetrics-text") => Self::OpenMetrics,
            Some(_) | None => Self::Classic,
        }
    }

    /// What the text is to be announced as.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// The snapshot as text.
///
/// # Errors
/// When the text cannot be written, which memory does not refuse.
pub fn exposition(snapshot: Arc<Snapshot>, format: Format) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exposed(snapshot.clone())));
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(match format {
        Format::OpenMetrics => out,
        Format::Classic => classic(&out, &snapshot),
    })
}

/// In the older format a counter bears its `_total` in its own name, not in that of its samples alone, and no mark stands
/// at the end.
fn classic(open_metrics: &str, snapshot: &Snapshot) -> String {
    let counters = snapshot.readings.iter().map(|it| it.metric);
    let counters = counters.filter(|metric| metric.kind == Kind::Counter);
    let counters: BTreeSet<_> = counters.map(Metric::exported).collect();
    let mut out = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(word), Some(name), Some(rest)) if counters.contains(name) => {
                out.extend(["# ", word, " ", name, "_total ", rest, "\n"]);
            }
            _ => out.extend([line, "\n"]),
        }
    }
    out
}

/// A snapshot, as the registry wants it.
#[derive(Debug)]
struct Exposed(Arc<Snapshot>);

impl Collector for Exposed {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        for (metric, readings) in families(&self.0.readings) {
            let name = metric.exported();
            let values = readings.iter().map(|it| (it.label, it.value));
            family(&mut encoder, metric.kind, &name, metric.help, values)?;
            let mut limits = readings
                .iter()
                .filter_map(|it| Some((it.label, it.limit?)))
                .peekable();
            if limits.peek().is_some() {
                let help = format!("Bound of {name}.");
                let name = format!("{name}_limit");
                family(&mut encoder, Kind::Gauge, &name, &help, limits)?;
            }
        }
        let up = self.0.sources.iter().map(|source| {
            let up = f64::from(u8::from(source.health == Health::Up));
            (Some(("source", source.name)), up)
        });
        let name = format!("{PREFIX}_source_up");
        let help = "Whether a source of figures answered in the last round.";
        family(&mut encoder, Kind::Gauge, &name, help, up)
    }
}

type Label = Option<(&'static str, &'static str)>;

fn family(
    encoder: &mut DescriptorEncoder,
    kind: Kind,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (Label, f64)>,
) -> Result<(), fmt::Error> {
    let of_kind = match kind {
        Kind::Gauge => MetricType::Gauge,
        Kind::Counter => MetricType::Counter,
    };
    let mut family = encoder.encode_descriptor(name, help, None, of_kind)?;
    for (label, value) in values {
        let Some(label) = label else {
            // Alone in its family, and without braces.
            return single(kind, value, family);
        };
        single(kind, value, family.encode_family(&[label])?)?;
    }
    Ok(())
}

fn single(kind: Kind, value: f64, encoder: MetricEncoder) -> Result<(), fmt::Error> {
    match kind {
        Kind::Gauge => ConstGauge::new(value).encode(encoder),
        Kind::Counter => ConstCounter::new(value).encode(encoder),
    }
}

/// The readings by metric, for a family must stand in one piece.
fn families(readings: &[Reading]) -> Vec<(&'static Metric, Vec<Reading>)> {
    let mut places = BTreeMap::new();
    let mut families: Vec<(&'static Metric, Vec<Reading>)> = Vec::new();
    for reading in readings {
        let place = *places.entry(reading.metric.name).or_insert(families.len());
        if place == families.len() {
            families.push((reading.metric, Vec::new()));
        }
        families[place].1.push(*reading);
    }
    families
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::snapshot::SourceState;

    static PEERS: Metric = Metric::gauge("book.peers", "Known peers.");
    static EVICTED: Metric = Metric::counter("book.evicted", "Peers that made room.");
    static LIVE: Metric = Metric::gauge("tracked.live", "What is open.");

    fn snapshot() -> Arc<Snapshot> {
        let readings = vec![
            Reading::new(&LIVE, 1.0).label("kind", "file"),
            Reading::new(&PEERS, 3.0).limit(1024.0),
            Reading::new(&EVICTED, 2.0),
            Reading::new(&LIVE, 4.0).label("kind", "stream"),
        ];
        let sources = vec![SourceState {
            name: "network",
            health: Health::Ended("shut down".into()),
        }];
        Arc::new(Snapshot {
            at: SystemTime::UNIX_EPOCH,
            readings,
            sources,
        })
    }

    #[test]
    fn a_snapshot_reads_as_open_metrics() {
        let text = exposition(snapshot(), Format::OpenMetrics);
        let expected = "\
# HELP evergreen_tracked_live What is open.
# TYPE evergreen_tracked_live gauge
evergreen_tracked_live{kind=\"file\"} 1.0
evergreen_tracked_live{kind=\"stream\"} 4.0
# HELP evergreen_book_peers Known peers.
# TYPE evergreen_book_peers gauge
evergreen_book_peers 3.0
# HELP evergreen_book_peers_limit Bound of evergreen_book_peers.
# TYPE evergreen_book_peers_limit gauge
evergreen_book_peers_limit 1024.0
# HELP evergreen_book_evicted Peers that made room.
# TYPE evergreen_book_evicted counter
evergreen_book_evicted_total 2.0
# HELP evergreen_source_up Whether a source of figures answered in the last round.
# TYPE evergreen_source_up gauge
evergreen_source_up{source=\"network\"} 0.0
# EOF
";
        assert_eq!(text.unwrap(), expected);
    }

    #[test]
    fn in_the_older_format_a_counter_bears_its_whole_name() {
        let text = exposition(snapshot(), Format::Classic).unwrap();
        let expected = "\
# HELP evergreen_book_evicted_total Peers that made room.
# TYPE evergreen_book_evicted_total counter
evergreen_book_evicted_total 2.0
";
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("# TYPE evergreen_book_peers gauge\n"));
        assert!(!text.contains("# EOF"));
    }

    #[test]
    fn who_asks_for_open_metrics_gets_it() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
        assert_eq!(Format::of(Some(prometheus)), Format::OpenMetrics);
        assert_eq!(Format::of(Some("*/*")), Format::Classic);
        assert_eq!(Format::of(None), Format::Classic);
    }
}
