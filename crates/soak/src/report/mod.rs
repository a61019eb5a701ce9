//! What a run leaves and prints: the summary, and from it the table, the notes and the plots. Pure functions over the
//! result; nothing here measures or decides.

pub mod attach;
pub mod fleet;
pub mod html;
pub mod markdown;
pub mod mutate;
pub mod notes;
pub mod plot;
pub mod profile;
pub mod spark;
pub mod summary;
pub mod table;
pub mod units;

pub use summary::Summary;
