//! The watch: what is asked for, put together and kept running.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::error;

use crate::call::Call;
use crate::collect::{Rounds, Thresholds};
use crate::memory::Memory;
use crate::metric::Metric;
use crate::pending::{self, Pending};
use crate::pressure::{self, Marks, Monitor, Relief};
use crate::serve::serve;
use crate::snapshot::{History, Snapshot};
use crate::sources::{self, Source, Told};
use crate::track::{self, Tracked, Tracker};

/// How long the tasks of a watch have to end.
const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(5);

/// Why a watch cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on: most often because another process does.
    #[error(
        "cannot serve vitals on {address}: {source}; choose another port, or 0 for any that is free"
    )]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A bound was set for a figure that no source tells.
    #[error("no figure is called `{name}`; there are {known}")]
    UnknownFigure {
        /// The name that was given.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A setting that no watch can work with.
    #[error("{setting} is {found}, but must be {expected}")]
    Setting {
        /// What was set.
        setting: &'static str,
        /// To what.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
}

/// A running watch. Ends when it is dropped.
#[derive(Debug)]
pub struct Vitals {
    history: Arc<History>,
    tracker: Tracker,
    address: Option<SocketAddr>,
    tasks: JoinSet<()>,
    end: DropGuard,
}

impl Vitals {
    /// A watch over this process and its runtime, to which more is added.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// What was read last; `None` before the first round is through.
    pub fn latest(&self) -> Option<Arc<Snapshot>> {
        self.history.latest()
    }

    /// The rounds that are kept.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What tracks that which the application opens.
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// Where it is served; `None` where it is not.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Ends the watch, and lets go of everything it watches: within five seconds, whatever hangs. Cancel safe: the watch
    /// ends all the same.
    pub async fn shutdown(mut self) {
        drop(self.end);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN_TIME_MAX, ended)
            .await
            .is_err()
        {
            error!("the watch took too long to end");
        }
    }
}

type CleanUp = Box<dyn FnMut(Tracked) + Send>;

/// What a watch shall watch, and how.
pub struct Builder {
    sources: Vec<Source>,
    reliefs: Vec<Relief>,
    thresholds: Thresholds,
    tracker: Tracker,
    janitor: Option<(Duration, CleanUp)>,
    every: Duration,
    rounds_max: usize,
    marks: Marks,
    memory_max: Option<u64>,
    address: Option<SocketAddr>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            reliefs: Vec::new(),
            thresholds: Vec::new(),
            tracker: Tracker::default(),
            janitor: None,
            every: Duration::from_secs(10),
            rounds_max: 360,
            marks: Marks::default(),
            memory_max: None,
            address: None,
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<_> = self.sources.iter().map(|source| source.name).collect();
        let reliefs: Vec<_> = self.reliefs.iter().map(|relief| relief.name).collect();
        f.debug_struct("Builder")
            .field("sources", &sources)
            .field("reliefs", &reliefs)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Watches a node, and has it keep less when memory runs out. A handle of it is held until it has ended.
    #[cfg(feature = "p2panda")]
    #[must_use]
    pub fn network<T>(mut self, network: &p2panda_net::Network<T>) -> Self
    where
        T: p2panda_sync::TopicQuery + p2panda_net::TopicId + 'static,
    {
        let held = sources::network::Held::new(network.clone());
        self.sources.push(sources::network::source(held.clone()));
        self.relief("network", move || held.clone().shrink())
    }

    /// Watches a memory store.
    #[cfg(feature = "p2panda")]
    #[must_use]
    pub fn memory_store<L, E>(mut self, store: &p2panda_store::MemoryStore<L, E>) -> Self
    where
        L: Clone + Send + Sync + 'static,
        E: Clone + Send + Sync + 'static,
    {
        self.sources.push(sources::store::source(store.clone()));
        self
    }

    /// Watches an endpoint of quinn.
    #[cfg(feature = "quinn")]
    #[must_use]
    pub fn quinn(mut self, endpoint: &quinn::Endpoint) -> Self {
        let endpoint = endpoint.clone();
        let ask = move || sources::quic::of_quinn(&endpoint);
        self.sources.push(sources::quic::source("quinn", ask));
        self
    }

    /// Watches an endpoint of iroh-quinn.
    #[cfg(feature = "iroh-quinn")]
    #[must_use]
    pub fn iroh_quinn(mut self, endpoint: &iroh_quinn::Endpoint) -> Self {
        let endpoint = endpoint.clone();
        let ask = move || sources::quic::of_iroh_quinn(&endpoint);
        self.sources.push(sources::quic::source("iroh-quinn", ask));
        self
    }

    /// Watches jemalloc, and has it give back unused pages when memory runs out. For programs that allocate with it.
    ///
    /// To be asked for last, so that pages go back which other reliefs have freed.
    #[cfg(feature = "jemalloc")]
    #[must_use]
    pub fn jemalloc(mut self) -> Self {
        self.sources.push(sources::jemalloc::source());
        self.relief("jemalloc", || async { sources::jemalloc::purge() })
    }

    /// Watches a table of callers that wait for a reply, and tells of it under this name.
    #[must_use]
    pub fn pending<K, V>(mut self, name: &'static str, pending: &Pending<K, V>) -> Self
    where
        K: Send + 'static,
        V: Send + 'static,
    {
        self.sources.push(pending::source(name, pending.clone()));
        self
    }

    /// Watches anything else: `ask` is called in each round, has five seconds to answer, and must not block its thread.
    /// `metrics` is all it may tell of.
    #[must_use]
    pub fn source<F>(
        mut self,
        name: &'static str,
        metrics: Vec<&'static Metric>,
        ask: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Told> + Send + 'static,
    {
        self.sources.push(Source::new(name, metrics, ask));
        self
    }

    /// Calls this when memory runs out; it has ten seconds, and must not block its thread. Reliefs are called in the
    /// order in which they were given, so one that gives pages back which others have freed should come last.
    #[must_use]
    pub fn relief<F>(
        mut self,
        name: &'static str,
        call: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.reliefs.push(Relief {
            name,
            call: Call::new(call),
        });
        self
    }

    /// Sets a bound for a figure, in place of the own one it may have. Past it `/health` answers 503.
    #[must_use]
    pub fn threshold(mut self, figure: impl Into<String>, limit: f64) -> Self {
        self.thresholds.push((figure.into(), limit));
        self
    }

    /// Tracks what the application opens with this, in place of a new one.
    #[must_use]
    pub fn tracker(mut self, tracker: Tracker) -> Self {
        self.tracker = tracker;
        self
    }

    /// Calls `clean_up` once for each tracked thing that has been open for `age`, for as long as the watch runs: see
    /// [`Tracker::janitor`].
    #[must_use]
    pub fn janitor(
        mut self,
        age: Duration,
        clean_up: impl FnMut(Tracked) + Send + 'static,
    ) -> Self {
        self.janitor = Some((age, Box::new(clean_up)));
        self
    }

    /// How often everything is read. Default: 10 seconds.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// How many rounds are kept for plots. Default: 360, an hour by default, which take about two megabytes.
    #[must_use]
    pub fn rounds(mut self, rounds_max: usize) -> Self {
        self.rounds_max = rounds_max;
        self
    }

    /// When there is too little memory left. Default: see [`Marks`].
    #[must_use]
    pub fn marks(mut self, marks: Marks) -> Self {
        self.marks = marks;
        self
    }

    /// Bytes that this process shall not take more of. Default: what the system allows.
    #[must_use]
    pub fn memory_max(mut self, bytes: u64) -> Self {
        self.memory_max = Some(bytes);
        self
    }

    /// Serves it on this address. Nobody is asked who they are: it should be one of loopback, or of a network where
    /// everybody may know how busy the node is. With port 0 the system picks one.
    #[must_use]
    pub fn serve(mut self, address: impl Into<SocketAddr>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Begins.
    ///
    /// # Errors
    /// Where the address cannot be listened on, or a setting is one that no watch can work with. Then nothing runs.
    pub async fn start(mut self) -> Result<Vitals, Error> {
        self.check()?;
        let names = self.reliefs.iter().map(|relief| relief.name);
        check_names("a relief", names)?;
        let memory = Memory::of_this_process(self.memory_max);
        let reliefs = std::mem::take(&mut self.reliefs);
        let monitor = Monitor::new(memory, self.marks, reliefs);
        self.sources.extend([
            sources::process::source(),
            sources::runtime::source(Handle::current()),
            pressure::source(monitor.observed()),
            track::source(self.tracker.clone()),
        ]);
        let names = self.sources.iter().map(|source| source.name);
        check_names("a source of figures", names)?;
        self.check_thresholds()?;

        let listener = match self.address {
            Some(address) => Some(
                TcpListener::bind(address)
                    .await
                    .map_err(|source| Error::Bind { address, source })?,
            ),
            None => None,
        };
        let address = listener
            .as_ref()
            .and_then(|listener| listener.local_addr().ok());

        let history = Arc::new(History::new(self.rounds_max));
        let rounds = Rounds::new(self.sources, self.thresholds, self.every);
        let mut tasks = Tasks::default();
        tasks.spawn(rounds.run(history.clone()));
        tasks.spawn(monitor.run());
        if let Some((age, clean_up)) = self.janitor {
            tasks.spawn(self.tracker.clone().janitor(age, clean_up));
        }
        if let Some(listener) = listener {
            let serving = serve(listener, history.clone(), tasks.end.clone());
            tasks.spawn(async move {
                if let Err(error) = serving.await {
                    error!("vitals are not served any more: {error}");
                }
            });
        }
        Ok(Vitals {
            history,
            tracker: self.tracker,
            address,
            tasks: tasks.set,
            end: tasks.end.drop_guard(),
        })
    }

    fn check(&self) -> Result<(), Error> {
        let setting = |setting, found: String, expected| {
            Err(Error::Setting {
                setting,
                found,
                expected,
            })
        };
        let Marks { high, low, every } = self.marks;
        if self.every.is_zero() {
            return setting("`every`", "zero".into(), "a time above zero");
        }
        if every.is_zero() {
            return setting("`Marks::every`", "zero".into(), "a time above zero");
        }
        if self.rounds_max == 0 {
            return setting("`rounds`", "zero".into(), "at least one");
        }
        if !(0.0 < low && low <= high && high <= 1.0) {
            let found = format!("low {low}, high {high}");
            return setting(
                "`Marks`",
                found,
                "shares above 0 and up to 1, the low one first",
            );
        }
        Ok(())
    }

    fn check_thresholds(&self) -> Result<(), Error> {
        let known: Vec<_> = self
            .sources
            .iter()
            .flat_map(|source| &source.metrics)
            .map(|metric| metric.name)
            .collect();
        for (name, limit) in &self.thresholds {
            if !known.contains(&&**name) {
                return Err(Error::UnknownFigure {
                    name: name.clone(),
                    known: known.join(", "),
                });
            }
            if !(limit.is_finite() && *limit > 0.0) {
                return Err(Error::Setting {
                    setting: "`threshold`",
                    found: limit.to_string(),
                    expected: "a number above zero",
                });
            }
        }
        Ok(())
    }
}

/// Two of one name would be told of in one series.
fn check_names(
    setting: &'static str,
    names: impl Iterator<Item = &'static str>,
) -> Result<(), Error> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::Setting {
            setting,
            found: format!("given twice under the name `{}`", pair[0]),
            expected: "given once",
        }),
        None => Ok(()),
    }
}

/// Tasks that end together.
#[derive(Default)]
struct Tasks {
    set: JoinSet<()>,
    end: CancellationToken,
}

impl Tasks {
    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let end = self.end.clone();
        self.set.spawn(async move {
            end.run_until_cancelled(task).await;
        });
    }
}

/// Every figure that a watch over the given builder's sources and itself can tell, in order of names. What rules and
/// dashboards are checked against.
pub fn catalogue() -> Vec<&'static Metric> {
    let memory = Memory::of_this_process(Some(1));
    let monitor = Monitor::new(memory, Marks::default(), Vec::new());
    let own = [
        sources::process::source().metrics,
        pressure::source(monitor.observed()).metrics,
        track::source(Tracker::default()).metrics,
        pending::source("", Pending::<(), ()>::new(1, Duration::ZERO)).metrics,
        sources::runtime::metrics(),
        #[cfg(feature = "p2panda")]
        sources::metrics(sources::network::TABLE),
        #[cfg(feature = "p2panda")]
        sources::metrics(sources::store::TABLE),
        #[cfg(any(feature = "p2panda", feature = "quinn", feature = "iroh-quinn"))]
        sources::quic::metrics(),
        #[cfg(feature = "jemalloc")]
        sources::jemalloc::source().metrics,
    ];
    let mut metrics: Vec<_> = own.into_iter().flatten().collect();
    metrics.sort_by_key(|metric| metric.name);
    metrics
}
