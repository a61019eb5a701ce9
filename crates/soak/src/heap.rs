//! What jemalloc writes into a heap profile, and what has grown between two of them: pure functions over text.
//!
//! The few lines that matter are read here: the crates that read them bring protocol buffers and compression along, and
//! take the mappings of the process that they run in.

use std::collections::{BTreeMap, HashMap};

use procfs::FromBufRead;
use procfs::process::{MMapPath, MemoryMaps};

/// A heap profile (`heap_v2`).
#[derive(Debug, Clone, PartialEq)]
pub struct HeapProfile {
    /// Live bytes by the return addresses of their stack, innermost first. Estimated from what was sampled.
    bytes: HashMap<Vec<u64>, f64>,
    /// One byte in so many was sampled, on average.
    every: f64,
    /// Where the files that the process had mapped begin.
    files: Vec<Mapped>,
}

/// A part of a file in the memory of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mapped {
    path: String,
    from: u64,
    to: u64,
    offset: u64,
}

/// What a stack held, and what it holds: live bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Held {
    pub before: f64,
    pub after: f64,
}

impl Held {
    /// By how many bytes it has grown.
    pub fn growth(&self) -> f64 {
        self.after - self.before
    }

    /// How far the growth may lie from the truth, at one standard error: the number of samples behind each figure is
    /// Poisson's. What lives through both was sampled once and adds nothing, so this is rather too much.
    pub fn error(&self, every: f64) -> f64 {
        ((self.before + self.after) * every).sqrt()
    }
}

/// A stack, and what it held in each of two profiles.
pub type Compared = (Vec<u64>, Held);

impl HeapProfile {
    /// Reads one.
    ///
    /// # Errors
    /// One line that says what was expected and what was found.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let head = lines.next().unwrap_or_default();
        let every = head
            .strip_prefix("heap_v2/")
            .and_then(|bytes| bytes.parse::<f64>().ok())
            .filter(|bytes| *bytes >= 1.0)
            .ok_or_else(|| {
                format!("expected a heap profile (`heap_v2/<bytes>`), found {head:?}")
            })?;
        let mut bytes = HashMap::new();
        let mut stack = None;
        for line in lines.by_ref().map(str::trim) {
            if line == "MAPPED_LIBRARIES:" {
                break;
            } else if let Some(addresses) = line.strip_prefix('@') {
                let parsed: Option<Vec<_>> = addresses.split_whitespace().map(address).collect();
                stack = Some(parsed.ok_or_else(|| wrong("addresses", line))?);
            } else if let (Some(counts), Some(_)) = (line.strip_prefix("t*:"), &stack) {
                let live =
                    live(counts, every).ok_or_else(|| wrong("`<objects>: <bytes>`", line))?;
                bytes.extend(stack.take().map(|stack| (stack, live)));
            }
        }
        let maps = lines.collect::<Vec<_>>().join("\n");
        Ok(Self {
            bytes,
            every,
            files: files(&maps)?,
        })
    }

    /// Every stack of this profile and of an earlier one of the same process, in the order of their addresses.
    pub fn since(&self, earlier: &Self) -> Vec<Compared> {
        let mut all: BTreeMap<&Vec<u64>, Held> = BTreeMap::new();
        for (stack, bytes) in &earlier.bytes {
            all.entry(stack).or_default().before = *bytes;
        }
        for (stack, bytes) in &self.bytes {
            all.entry(stack).or_default().after = *bytes;
        }
        all.into_iter()
            .map(|(stack, held)| (stack.clone(), held))
            .collect()
    }

    /// One byte in so many was sampled, on average.
    pub fn every(&self) -> f64 {
        self.every
    }

    /// Where in a position-independent program the call before this return address stands; none where it stands elsewhere.
    pub fn place_in(&self, program: &str, address: u64) -> Option<u64> {
        let of = |mapped: &&Mapped| mapped.path == program;
        let own = |mapped: &Mapped| (mapped.from..mapped.to).contains(&address);
        self.files.iter().filter(of).find(|mapped| own(mapped))?;
        let first = self.files.iter().filter(of).find(|one| one.offset == 0)?;
        address.checked_sub(first.from + 1)
    }
}

fn wrong(expected: &str, line: &str) -> String {
    format!("expected {expected} in a heap profile, found {line:?}")
}

fn address(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// The live bytes that a line of counts stands for, where one byte in `every` was sampled on average: a sampled
/// allocation of a few bytes stands for more of its kind than one of many.
fn live(counts: &str, every: f64) -> Option<f64> {
    let (live, _) = counts.split_once('[')?;
    let (objects, bytes) = live.split_once(':')?;
    let [objects, bytes]: [f64; 2] = [objects.trim().parse().ok()?, bytes.trim().parse().ok()?];
    if objects == 0.0 {
        return Some(0.0);
    }
    let sampled = 1.0 - (-(bytes / objects) / every).exp();
    Some(bytes / sampled)
}

/// The files in a listing as /proc/<pid>/maps has it.
fn files(maps: &str) -> Result<Vec<Mapped>, String> {
    let maps = MemoryMaps::from_buf_read(maps.as_bytes())
        .map_err(|error| format!("the mappings in a heap profile are none: {error}"))?;
    let files = maps.into_iter().filter_map(|map| match map.pathname {
        MMapPath::Path(path) => Some(Mapped {
            path: path.to_string_lossy().into_owned(),
            from: map.address.0,
            to: map.address.1,
            offset: map.offset,
        }),
        _ => None,
    });
    Ok(files.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "
MAPPED_LIBRARIES:
1000-2000 r--p 00000000 08:01 7 /bin/churn
2000-9000 r-xp 00001000 08:01 7 /bin/churn
a000-b000 rw-p 00000000 00:00 0 [heap]
f000-ff00 r-xp 00000000 08:01 9 /lib/libc.so
";

    fn held(before: f64, after: f64) -> Held {
        Held { before, after }
    }

    fn profile(stacks: &str) -> HeapProfile {
        HeapProfile::parse(&format!(
            "heap_v2/4096\n  t*: 3: 100 [0: 0]\n  t0: 3: 100 [0: 0]\n{stacks}{MAPS}"
        ))
        .unwrap()
    }

    #[test]
    fn two_profiles_are_compared_by_stack_and_what_is_in_one_alone_was_or_is_nothing_in_the_other()
    {
        let large = 1 << 30;
        let before = profile(&format!(
            "@ 0x2010 0x2020\n  t*: 1: {large} [0: 0]\n  t0: 1: {large} [0: 0]\n@ 0x2030\n  t*: 2: {large} [0: 0]\n"
        ));
        let after = profile(&format!(
            "@ 0x2010 0x2020\n  t*: 3: {} [0: 0]\n@ 0xf010\n  t*: 1: {large} [0: 0]\n",
            3_u64 * large
        ));
        let large = large as f64;
        assert_eq!(
            after.since(&before),
            [
                (vec![0x2010, 0x2020], held(large, 3.0 * large)),
                (vec![0x2030], held(large, 0.0)),
                (vec![0xf010], held(0.0, large)),
            ]
        );
        assert_eq!(held(large, 3.0 * large).growth(), 2.0 * large);
        assert_eq!(held(3600.0, 6400.0).error(100.0), 1000.0);
    }

    #[test]
    fn a_small_object_that_was_sampled_stands_for_all_that_were_not() {
        let live = |objects: u64, bytes: u64| live(&format!(" {objects}: {bytes} [0: 0]"), 4096.0);
        assert!((live(1, 64).unwrap() - 4128.0).abs() < 0.5);
        assert!((live(1, 1 << 20).unwrap() - 1048576.0).abs() < 1e-6);
        assert_eq!(live(0, 0), Some(0.0));
    }

    #[test]
    fn an_address_is_a_place_in_the_program_or_in_none() {
        let profile = profile("");
        assert_eq!(profile.place_in("/bin/churn", 0x2011), Some(0x1010));
        assert_eq!(profile.place_in("/bin/churn", 0xf010), None);
        assert_eq!(profile.place_in("/bin/other", 0x2011), None);
    }

    #[test]
    fn what_is_no_heap_profile_is_refused() {
        for (text, said) in [
            ("", "expected a heap profile"),
            ("heap_v2/0\n", "expected a heap profile"),
            ("heap_v2/9\n@ 0x1 here\n", "expected addresses"),
            ("heap_v2/9\n@ 0x1\n t*: many\n", "expected `<objects>"),
        ] {
            let error = HeapProfile::parse(text).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
