//! Names for the places of a program, from what its compiler left in it.

use std::borrow::Cow;
use std::path::Path;

use addr2line::{Loader, demangle_auto};

/// The symbols and the debug information of a program.
pub struct Symbols(Loader);

impl Symbols {
    /// Of the program at this path.
    ///
    /// # Errors
    /// One line, where it cannot be read or is no program.
    pub fn of(program: &Path) -> Result<Self, String> {
        Loader::new(program)
            .map(Self)
            .map_err(|error| format!("no symbols of {}: {error}", program.display()))
    }

    /// The functions that a place is in, innermost first: more than one where calls were inlined, and none where nothing is
    /// known of it. Those inlined are told only where the debug information has their whole names, which line tables alone
    /// have not; the function that all are inlined into, the last, is named by the program's symbols.
    pub fn functions(&self, place: u64) -> Vec<String> {
        let mut names = Vec::new();
        if let Ok(mut frames) = self.0.find_frames(place) {
            // Debug information that cannot be read ends the list; what came before it still stands.
            while let Ok(Some(frame)) = frames.next() {
                let name = frame.function.as_ref().map(|function| function.demangle());
                names.extend(name.and_then(|name| Some(name.ok()?.into_owned())));
            }
        }
        if let Some(symbol) = self.0.find_symbol(place) {
            names.pop();
            names.push(demangle_auto(Cow::from(symbol), None).into_owned());
        }
        names.retain(|name| name.contains("::"));
        names
    }
}
