//! What watching costs: a guard around each thing an application opens, and a round of reading.
//!
//!     cargo bench -p vitals

use criterion::{Criterion, criterion_group, criterion_main};
use vitals::Tracker;

fn track(criterion: &mut Criterion) {
    let tracker = Tracker::default();
    let _open: Vec<_> = (0..10_000).map(|_| tracker.track("stream", "a")).collect();
    criterion.bench_function("track among 10,000 that are open", |bencher| {
        bencher.iter(|| drop(tracker.track("stream", "b")));
    });
}

criterion_group!(cost, track);
criterion_main!(cost);
