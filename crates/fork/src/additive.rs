//! Whether an API only grew: what a crate offers to its users before and after our changes. Pure functions over lists of
//! items, a line each, as the `public-api` library writes them.

use std::collections::BTreeSet;

/// Stands behind a trait's method that need not be implemented.
pub const PROVIDED: &str = "{ .. }";

/// Two lists, held against each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Items that are gone or say something else now; there must be none.
    pub gone: Vec<String>,
    /// Types that ask for more before they may cross `catch_unwind`. What a panic leaves behind is no promise, so that is told
    /// and not wrong.
    pub narrower: Vec<String>,
    /// Items that came.
    pub new: Vec<String>,
    /// Those of the new ones that can break who builds, matches or implements what was there: a field of a struct with
    /// public fields, a variant of an enum, a method of a trait, where nothing said that more may come.
    pub hazards: Vec<String>,
}

/// Holds them against each other. Impls, and the methods of what is derived, count where they go and are not listed where
/// they come: nobody calls them by name.
pub fn compare(before: &[String], after: &[String]) -> Comparison {
    let set = |lines: &[String]| -> BTreeSet<String> {
        let seen = lines.iter().filter(|line| !is_destructor(line));
        seen.map(|line| plain(line)).collect()
    };
    let (old, now) = (set(before), set(after));
    let mut new: Vec<String> = now.difference(&old).cloned().collect();
    new.retain(|line| line.contains("pub ") && !is_derived(line));
    let gone = old.difference(&now).filter(|line| !is_implied(line, &now));
    let (narrower, gone) = gone
        .cloned()
        .partition(|line: &String| line.contains(UNWIND) && line.starts_with("impl"));
    Comparison {
        gone,
        narrower,
        hazards: new
            .iter()
            .filter(|line| is_hazard(line, &old))
            .cloned()
            .collect(),
        new,
    }
}

/// Where the auto traits of a panic stand.
const UNWIND: &str = "::panic::unwind_safe::";

/// Whether an impl that is gone is there under fewer conditions, or is one that only the compiler looks at.
fn is_implied(line: &str, now: &BTreeSet<String>) -> bool {
    const INTERNAL: [&str; 2] = ["core::marker::Freeze for", "core::marker::UnsafeUnpin for"];
    if !line.starts_with("impl") {
        return false;
    }
    let conditions = |line: &str| -> (String, BTreeSet<String>) {
        let (head, conditions) = line.split_once(" where ").unwrap_or((line, ""));
        let each = conditions
            .split(", ")
            .filter(|condition| !condition.is_empty());
        (head.to_owned(), each.map(str::to_owned).collect())
    };
    let (head, asked) = conditions(line);
    let weaker = |other: &String| {
        let (other, asks) = conditions(other);
        other == head && asks.is_subset(&asked)
    };
    INTERNAL.iter().any(|internal| line.contains(internal)) || now.iter().any(weaker)
}

/// The type and the name of the function that a line is about, as `Type::function`.
pub fn method_of(line: &str) -> Option<&str> {
    let (_, rest) = line.strip_prefix("pub ")?.split_once("fn ")?;
    let path = path_of(rest);
    let mut from_the_end = path.rmatch_indices("::");
    match (from_the_end.next(), from_the_end.next()) {
        (Some(_), Some((at, _))) => Some(&path[at + 2..]),
        (Some(_), None) => Some(path),
        _ => None,
    }
}

/// Nobody calls a destructor by name, or asks for one.
fn is_destructor(line: &str) -> bool {
    line.contains("core::ops::drop::Drop for ") || line.ends_with("::drop(&mut self)")
}

/// A tuple whose fields are all private can neither be made nor taken apart, as a struct without public fields.
fn plain(line: &str) -> String {
    match line.split_once('(') {
        Some((head, fields))
            if line.starts_with("pub struct ")
                && fields
                    .trim_end_matches(')')
                    .split(", ")
                    .all(|field| field == "_") =>
        {
            head.to_owned()
        }
        _ => line.to_owned(),
    }
}

fn is_derived(line: &str) -> bool {
    let methods = [
        "::clone(&self) ->",
        "::cmp(&self,",
        "::default() ->",
        "::eq(&self,",
        "::fmt(&self,",
        "::hash<",
        "::partial_cmp(&self,",
    ];
    methods.iter().any(|method| line.contains(method))
}

fn is_hazard(line: &str, old: &BTreeSet<String>) -> bool {
    let Some(rest) = line.strip_prefix("pub ") else {
        return false;
    };
    let (path, behind, is_method) = match rest.split_once("fn ") {
        Some((_, rest)) => (path_of(rest), "", true),
        None => (path_of(rest), &rest[path_of(rest).len()..], false),
    };
    let Some((parent, _)) = path.rsplit_once("::") else {
        return false;
    };
    // What says `#[non_exhaustive]` begins with that, and is not found here.
    let was = |kind: &str| {
        let declared = format!("pub {kind} {parent}");
        old.iter().any(|item| {
            let rest = item.strip_prefix(&declared);
            rest.is_some_and(|rest| path_of(rest).is_empty() && !rest.starts_with("::"))
        })
    };
    let had_members = || {
        old.iter()
            .any(|item| item.starts_with(&format!("pub {parent}::")))
    };
    if is_method {
        was("trait") && !line.ends_with(PROVIDED)
    } else if behind.starts_with(": ") {
        was("struct") && had_members()
    } else {
        was("enum")
    }
}

/// The path that a text begins with.
fn path_of(text: &str) -> &str {
    let end = text
        .find(|c: char| c != ':' && c != '_' && !c.is_alphanumeric())
        .unwrap_or(text.len());
    text[..end].trim_end_matches(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(before: &[&str], after: &[&str]) -> Comparison {
        let lines =
            |lines: &[&str]| -> Vec<String> { lines.iter().map(|line| line.to_string()).collect() };
        compare(&lines(before), &lines(after))
    }

    const BEFORE: [&str; 9] = [
        "pub mod x",
        "pub enum x::E",
        "pub x::E::A",
        "#[non_exhaustive] pub enum x::Open",
        "pub struct x::S<T>",
        "pub x::S::field: u8",
        "pub struct x::Closed",
        "pub trait x::T",
        "impl core::marker::Send for x::S<T>",
    ];

    fn with(more: &str) -> Comparison {
        compared(&BEFORE, &[&BEFORE[..], &[more]].concat())
    }

    #[test]
    fn an_item_that_says_something_else_is_gone_and_another_came() {
        let found = compared(&["pub fn x::f()"], &["pub fn x::f() -> u8"]);
        assert_eq!(found.gone, ["pub fn x::f()"]);
        assert_eq!(found.new, ["pub fn x::f() -> u8"]);
    }

    #[test]
    fn an_auto_trait_that_is_lost_counts() {
        let found = compared(&BEFORE, &BEFORE[..8]);
        assert_eq!(found.gone, ["impl core::marker::Send for x::S<T>"]);
    }

    #[test]
    fn an_impl_with_fewer_conditions_is_not_gone() {
        let old = "impl<L, E> core::marker::Unpin for x::S<L, E> where L: core::marker::Unpin, E: core::marker::Unpin";
        let fewer = "impl<L, E> core::marker::Unpin for x::S<L, E> where L: core::marker::Unpin";
        assert_eq!(compared(&[old], &[fewer]).gone, [""; 0]);
        assert_eq!(compared(&[fewer], &[old]).gone, [fewer]);
        let unwind = "impl core::panic::unwind_safe::UnwindSafe for x::S";
        let lost = compared(
            &[unwind],
            &["impl !core::panic::unwind_safe::UnwindSafe for x::S"],
        );
        assert_eq!(
            (lost.gone.len(), &lost.narrower[..]),
            (0, &[unwind.to_owned()][..])
        );
    }

    #[test]
    fn what_no_user_can_see_is_not_gone() {
        let before = [
            "impl core::ops::drop::Drop for x::S",
            "pub fn x::S::drop(&mut self)",
            "pub struct x::G(_)",
        ];
        assert_eq!(
            compared(&before, &["pub struct x::G"]),
            Comparison::default()
        );
        let gone = compared(&["pub struct x::G(_, pub u8)"], &["pub struct x::G"]).gone;
        assert_eq!(gone.len(), 1);
    }

    #[test]
    fn a_method_is_named_with_its_type() {
        assert_eq!(method_of("pub fn x::T::f<A>(&self)"), Some("T::f"));
        assert_eq!(method_of("pub async fn T::f()"), Some("T::f"));
        assert_eq!(method_of("pub struct x::T"), None);
    }

    #[test]
    fn what_comes_is_told_unless_nobody_calls_it() {
        assert_eq!(
            with("pub fn x::S<T>::g(&self)").new,
            ["pub fn x::S<T>::g(&self)"]
        );
        for quiet in [
            "impl core::marker::Sync for x::S<T>",
            "pub fn x::N::clone(&self) -> x::N",
        ] {
            assert!(with(quiet).new.is_empty(), "{quiet}");
        }
    }

    #[test]
    fn what_can_break_users_of_what_was_there_is_a_hazard() {
        for hazard in [
            "pub x::E::B",
            "pub x::E::B(u8)",
            "pub x::S::more: u8",
            "pub fn x::T::required(&self)",
        ] {
            assert_eq!(with(hazard).hazards, [hazard]);
        }
        for fine in [
            "pub x::Open::B",
            "pub x::Closed::first: u8",
            "pub fn x::S<T>::g(&self)",
            "pub struct x::New",
            "pub x::New::field: u8",
            "pub const x::LIMIT: u8",
            "pub fn x::T::provided(&self) { .. }",
        ] {
            assert!(with(fine).hazards.is_empty(), "{fine}");
        }
    }
}
