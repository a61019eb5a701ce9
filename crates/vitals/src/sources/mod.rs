//! Where figures come from: a module for each thing that is watched.

use std::future::Future;

use crate::call::Call;
use crate::metric::{Metric, Reading};

#[cfg(feature = "jemalloc")]
pub(crate) mod jemalloc;
#[cfg(feature = "p2panda")]
pub(crate) mod network;
pub(crate) mod process;
#[cfg(any(feature = "p2panda", feature = "quinn", feature = "iroh-quinn"))]
pub(crate) mod quic;
pub(crate) mod runtime;
#[cfg(feature = "p2panda")]
pub(crate) mod store;

/// Why a source told nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It could not be read this time.
    #[error("{0}")]
    Failed(String),
    /// What it tells of has ended. It is not asked again.
    #[error("ended: {0}")]
    Ended(String),
}

/// What a source tells in one round.
pub type Told = Result<Vec<Reading>, SourceError>;

/// Something that is asked for its figures in each round.
pub(crate) struct Source {
    pub name: &'static str,
    /// What it can tell.
    pub metrics: Vec<&'static Metric>,
    /// Taken away when it has ended, and with it what it holds.
    pub ask: Option<Call<Told>>,
}

impl Source {
    pub fn new<F>(
        name: &'static str,
        metrics: Vec<&'static Metric>,
        ask: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Told> + Send + 'static,
    {
        Self {
            name,
            metrics,
            ask: Some(Call::new(ask)),
        }
    }
}

/// The metrics of a table.
pub(crate) fn metrics<S>(table: &'static [crate::metric::Column<S>]) -> Vec<&'static Metric> {
    table.iter().map(|column| &column.metric).collect()
}
