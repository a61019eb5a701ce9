//! Watches a process that is running already, whatever it is: what the kernel knows of it, and what it says at its metrics
//! address. Growth is per hour here, as nobody counts its events.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use crate::figures::Series;
use crate::interrupt::Interrupt;
use crate::kernel::{self, Reading};
use crate::stats::{Growth, Shape, growth, shape};
use crate::verdict::{Trend, trend};
use crate::{Error, Result, metrics};

/// How often a waiting loop looks at the clock and at the interrupt.
const TICK: Duration = Duration::from_millis(50);

/// The most metrics that are taken; a node with more has a label too many.
const METRICS_MAX: usize = 5_000;

/// Bytes in the `mb` of the columns.
const MB: f64 = 1_048_576.0;

/// The columns before those of the metrics.
const COLUMNS: [&str; 10] = [
    "timestamp",
    "pid",
    "cpu_percent",
    "mem_percent",
    "rss_mb",
    "vsz_mb",
    "threads",
    "file_descriptors",
    "sockets",
    "cgroup_memory_mb",
];

/// The columns that are judged.
const RSS: &str = "rss_mb";
const COUNTS: [&str; 3] = ["threads", "file_descriptors", "sockets"];

/// What to watch, and how.
#[derive(Debug, Clone)]
pub struct Attach {
    pub pid: i32,
    /// An `http` address that answers in the text format of OpenMetrics or Prometheus.
    pub metrics: Option<String>,
    /// Until the process ends or the user stops it, where there is none.
    pub duration: Option<Duration>,
    /// From one sample to the next.
    pub every: Duration,
    /// Samples of this first stretch are not judged.
    pub warm_up: Duration,
    pub budgets: Hourly,
}

/// How much a process may grow in an hour and still counts as flat.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Hourly {
    /// Resident memory, in units of 2^20 bytes.
    pub rss_mb: f64,
    /// Threads, descriptors and sockets, each.
    pub counts: f64,
}

/// What was seen of a process.
#[derive(Debug, Serialize)]
pub struct Observed {
    pub pid: i32,
    pub seconds: f64,
    pub samples: usize,
    /// Samples for which the metrics address did not answer.
    pub metrics_missed: usize,
    pub warm_up_seconds: f64,
    pub ended: Ended,
    pub budgets: Hourly,
    pub verdict: Trend,
    /// Every column with a number, by name; growth is per hour.
    pub columns: BTreeMap<String, Column>,
}

/// Why no more was seen of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// The time that was asked for is over.
    TimeOver,
    /// The process has ended.
    ProcessEnded,
    /// The user stopped it.
    Interrupted,
}

/// What became of a column.
#[derive(Debug, Serialize)]
pub struct Column {
    pub growth: Option<Growth>,
    /// Of a column that is judged.
    pub trend: Option<Trend>,
    pub shape: Shape,
}

/// Watches until the time is over, the process ends or the user stops it, and writes a line of CSV a sample.
///
/// # Errors
/// [`Error::NoProcess`] and [`Error::Metrics`] where there is nothing to watch from the start. What fails later is missing.
/// A line that cannot be written is an [`Error::Io`] of `csv`, given back beside what was seen.
pub fn run(
    attach: &Attach,
    csv: &mut dyn Write,
    interrupt: &Interrupt,
) -> Result<(Observed, io::Result<()>)> {
    let first = kernel::read(attach.pid);
    let Some(started) = first.started else {
        return Err(Error::NoProcess { pid: attach.pid });
    };
    let metrics: BTreeSet<_> = match &attach.metrics {
        Some(url) => metrics::fetch(url)?.into_keys().take(METRICS_MAX).collect(),
        None => BTreeSet::new(),
    };
    let mut written = write_line(
        csv,
        COLUMNS
            .iter()
            .copied()
            .chain(metrics.iter().map(|name| &**name)),
    );

    let began = Instant::now();
    let mut watched = Watched {
        attach,
        series: BTreeMap::new(),
        samples: 0,
        metrics_missed: 0,
        before: None,
    };
    let mut due = began;
    let ended = loop {
        if wait(due, interrupt) {
            break Ended::Interrupted;
        }
        // From now on: samples that a slow address has delayed are not caught up with.
        due = Instant::now() + attach.every;
        let reading = kernel::read(attach.pid);
        // Its number may have been given to another process since.
        if reading.started != Some(started) || reading.is_zombie {
            break Ended::ProcessEnded;
        }
        let row = watched.sample(began, &reading, &metrics);
        if written.is_ok() {
            written = write_line(csv, row.iter().map(|cell| &**cell));
        }
        if attach.duration.is_some_and(|most| began.elapsed() >= most) {
            break Ended::TimeOver;
        }
    };
    Ok((watched.judge(began.elapsed(), ended), written))
}

struct Watched<'a> {
    attach: &'a Attach,
    /// Settled samples, over hours.
    series: BTreeMap<String, Series>,
    samples: usize,
    metrics_missed: usize,
    /// When the last sample was taken, and the processor time until then.
    before: Option<(Instant, f64)>,
}

impl Watched<'_> {
    /// Takes a sample in, and gives back its cells: empty where there is no figure.
    fn sample(
        &mut self,
        began: Instant,
        reading: &Reading,
        metrics: &BTreeSet<String>,
    ) -> Vec<String> {
        let now = Instant::now();
        let mut figures = self.of_kernel(now, reading);
        if let Some(url) = &self.attach.metrics {
            let found = metrics::fetch(url).unwrap_or_default();
            self.metrics_missed += usize::from(found.is_empty());
            figures.extend(
                metrics
                    .iter()
                    .map(|name| (name.clone(), found.get(name).copied())),
            );
        }
        self.samples += 1;
        let elapsed = now - began;
        if elapsed >= self.attach.warm_up {
            let hours = elapsed.as_secs_f64() / 3600.0;
            for (name, figure) in &figures {
                if let Some(figure) = figure {
                    let series = self.series.entry(name.clone()).or_default();
                    series.push((hours, *figure));
                }
            }
        }
        let cells = figures
            .into_iter()
            .map(|(_, figure)| figure.map_or_else(String::new, |figure| format!("{figure}")));
        let timestamp = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        [timestamp, self.attach.pid.to_string()]
            .into_iter()
            .chain(cells)
            .collect()
    }

    /// The figures of the columns behind timestamp and pid.
    fn of_kernel(&mut self, now: Instant, reading: &Reading) -> Vec<(String, Option<f64>)> {
        let cpu = match (self.before, reading.cpu_seconds) {
            (Some((then, before)), Some(cpu)) if now > then => {
                Some((cpu - before) / (now - then).as_secs_f64() * 100.0)
            }
            _ => None,
        };
        self.before = reading.cpu_seconds.map(|cpu| (now, cpu));
        let count = |count: Option<u64>| count.map(|count| count as f64);
        let megabytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 / MB);
        let share = reading
            .resident_bytes
            .zip(kernel::memory_bytes())
            .map(|(resident, all)| resident as f64 / all as f64 * 100.0);
        let figures = [
            cpu.map(|percent| (percent * 10.0).round() / 10.0),
            share.map(|percent| (percent * 100.0).round() / 100.0),
            megabytes(reading.resident_bytes),
            megabytes(reading.virtual_bytes),
            count(reading.threads),
            count(reading.fds),
            count(reading.sockets),
            megabytes(cgroup_memory(self.attach.pid)),
        ];
        COLUMNS[2..]
            .iter()
            .map(|name| (*name).to_owned())
            .zip(figures)
            .collect()
    }

    fn judge(self, elapsed: Duration, ended: Ended) -> Observed {
        let budgets = self.attach.budgets;
        let budget = |name: &str| match name {
            RSS => Some(budgets.rss_mb),
            count if COUNTS.contains(&count) => Some(budgets.counts),
            _ => None,
        };
        let columns: BTreeMap<_, _> = self
            .series
            .into_iter()
            .map(|(name, series)| {
                let growth = growth(&series);
                let column = Column {
                    growth,
                    trend: budget(&name).map(|budget| trend(growth.as_ref(), budget)),
                    shape: shape(&series),
                };
                (name, column)
            })
            .collect();
        Observed {
            pid: self.attach.pid,
            seconds: elapsed.as_secs_f64(),
            samples: self.samples,
            metrics_missed: self.metrics_missed,
            warm_up_seconds: self.attach.warm_up.as_secs_f64(),
            ended,
            budgets,
            verdict: verdict(&columns),
            columns,
        }
    }
}

/// Growing where anything judged grows, flat where everything judged is flat.
fn verdict(columns: &BTreeMap<String, Column>) -> Trend {
    let judged = [RSS].into_iter().chain(COUNTS);
    let trends: Vec<_> = judged
        .map(|name| columns.get(name).and_then(|column| column.trend))
        .collect();
    if trends.contains(&Some(Trend::Grows)) {
        Trend::Grows
    } else if trends.iter().all(|trend| *trend == Some(Trend::Flat)) {
        Trend::Flat
    } else {
        Trend::CannotTell
    }
}

/// What the control group of a process holds, where there is one that counts.
fn cgroup_memory(pid: i32) -> Option<u64> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let file = format!("/sys/fs/cgroup{path}/memory.current");
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Waits until it is due; returns whether the user stopped it before.
#[expect(
    clippy::disallowed_methods,
    reason = "one tick of a loop that looks at its end and at the interrupt in each"
)]
fn wait(due: Instant, interrupt: &Interrupt) -> bool {
    while !interrupt.is_set() {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        thread::sleep(left.min(TICK));
    }
    true
}

/// A line of CSV, flushed, so that what was seen outlives us.
fn write_line<'a>(csv: &mut dyn Write, cells: impl Iterator<Item = &'a str>) -> io::Result<()> {
    let cells: Vec<_> = cells.map(quoted).collect();
    csv.write_all((cells.join(",") + "\n").as_bytes())?;
    csv.flush()
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attach(pid: u32) -> Attach {
        Attach {
            pid: pid.cast_signed(),
            metrics: None,
            duration: Some(Duration::from_millis(400)),
            every: Duration::from_millis(20),
            warm_up: Duration::ZERO,
            budgets: Hourly {
                rss_mb: 1.0,
                counts: 1.0,
            },
        }
    }

    #[test]
    fn a_process_is_written_line_by_line_with_the_columns_that_are_documented() {
        let mut csv = Vec::new();
        let own = attach(std::process::id());
        let (observed, written) = run(&own, &mut csv, &Interrupt::default()).unwrap();
        written.unwrap();
        let text = String::from_utf8(csv).unwrap();
        let mut lines = text.lines();
        assert_eq!(
            lines.next().unwrap(),
            "timestamp,pid,cpu_percent,mem_percent,rss_mb,vsz_mb,threads,file_descriptors,sockets,cgroup_memory_mb"
        );
        assert_eq!(lines.clone().count(), observed.samples);
        for line in lines {
            assert_eq!(line.split(',').count(), COLUMNS.len(), "{line}");
        }
        assert!(observed.samples >= 8 && observed.ended == Ended::TimeOver);
        assert!(observed.columns["rss_mb"].trend.is_some());
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error_and_one_that_ends_is_not() {
        let error = run(
            &attach(u32::MAX >> 2),
            &mut Vec::new(),
            &Interrupt::default(),
        );
        assert!(matches!(error, Err(Error::NoProcess { .. })));
        let mut child = std::process::Command::new("sleep")
            .arg("0.1")
            .spawn()
            .unwrap();
        let mut short = attach(child.id());
        short.duration = None;
        let (observed, _) = run(&short, &mut Vec::new(), &Interrupt::default()).unwrap();
        assert_eq!(observed.ended, Ended::ProcessEnded);
        child.wait().unwrap();
    }

    #[test]
    fn one_column_that_grows_decides_and_flat_needs_all_of_them() {
        let column = |trend| Column {
            growth: None,
            trend: Some(trend),
            shape: Shape::Steady,
        };
        let with = |trends: [Trend; 4]| {
            let names = [RSS].into_iter().chain(COUNTS).map(str::to_owned);
            verdict(&names.zip(trends.map(column)).collect())
        };
        use Trend::{CannotTell, Flat, Grows};
        assert_eq!(with([Flat; 4]), Flat);
        assert_eq!(with([Flat, Flat, CannotTell, Flat]), CannotTell);
        assert_eq!(with([CannotTell, Flat, Flat, Grows]), Grows);
        assert_eq!(verdict(&BTreeMap::new()), CannotTell);
    }

    #[test]
    fn a_label_with_commas_and_quotes_stays_one_cell() {
        assert_eq!(
            quoted("a{b=\"c\",d=\"e\"}"),
            "\"a{b=\"\"c\"\",d=\"\"e\"\"}\""
        );
        assert_eq!(quoted("plain"), "plain");
    }
}
