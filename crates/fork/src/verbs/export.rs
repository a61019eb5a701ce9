//! `cargo fork export`: patches for upstream, with a sheet of facts beside them.

use std::fs;
use std::path::Path;

use crate::change::{self, Change, Disclosure};
use crate::contributing::Upstream;
use crate::defects::{self, Defect};
use crate::error::IoContext;
use crate::export::{Origin, Patch, Series};
use crate::facts_sheet::Sheet;
use crate::measured::{self, Measured};
use crate::project::Project;
use crate::verbs::status::{self, Lines};
use crate::{Error, Result, aside, pin};

/// Beside the patches of each crate.
const SHEET: &str = "FACTS.md";

/// Writes the series of one crate, of all that have changes, or one change, into folders of `to`, one a crate.
///
/// # Errors
/// [`Error::Usage`] where a change is private and `private` is false: what is exported is on its way to the public.
pub fn run(
    project: &Project,
    name: Option<&str>,
    slug: Option<&str>,
    private: bool,
    to: &Path,
) -> Result<()> {
    let wanted = wanted(project, name, slug)?;
    if !private {
        refuse_private(project, &wanted)?;
    }
    let defects = defects::read(project)?;
    let measured = measured::latest(project);
    let told = aside::make_folder(to, |into| {
        let mut told = Vec::new();
        for (krate, at) in &wanted {
            let folder = into.join(krate);
            let count = export(project, krate, *at, &defects, &measured, &folder)?;
            told.push(format!(
                "{}: {count} patches and {SHEET}",
                to.join(krate).display()
            ));
        }
        Ok(told)
    })?;
    println!("{}", told.join("\n"));
    if measured.is_empty() {
        println!("no figures in {SHEET}: no `cargo soak` has run here");
    }
    Ok(())
}

/// The crates to write, and of each the place of the one change, if one is asked for.
fn wanted(
    project: &Project,
    name: Option<&str>,
    slug: Option<&str>,
) -> Result<Vec<(String, Option<usize>)>> {
    let Some(slug) = slug else {
        let mut crates = project.select(name)?;
        if name.is_none() {
            let all = change::all(project)?;
            crates.retain(|krate| all.iter().any(|change| change.krate == *krate));
        }
        return Ok(crates.into_iter().map(|krate| (krate, None)).collect());
    };
    let named = match name {
        Some(name) => format!("{}/{slug}", project.find_crate(name)?),
        None => slug.to_owned(),
    };
    let change = change::find(project, &named)?;
    let series = change::series(project, &change.krate)?;
    let at = series.iter().position(|there| *there == change.slug);
    Ok(vec![(change.krate, at)])
}

fn refuse_private(project: &Project, wanted: &[(String, Option<usize>)]) -> Result<()> {
    let mut private = Vec::new();
    let mut places = Vec::new();
    for (krate, at) in wanted {
        let changes = change::changes(project, krate)?;
        let upto = at.map_or(changes.len(), |at| at + 1);
        // Those before a change may have to go with it.
        let is_private = |change: &&Change| change.facts.disclosure == Disclosure::Private;
        let before = private.len();
        private.extend(changes[..upto].iter().filter(is_private).map(Change::name));
        if private.len() > before {
            places.push(security_of(project, krate)?);
        }
    }
    places.sort_unstable();
    places.dedup();
    let what = match &private[..] {
        [] => return Ok(()),
        [one] => format!("{one} is private (SECURITY.md): report it first"),
        [first, rest @ ..] => format!(
            "{first} and {} more are private (SECURITY.md; `cargo fork status` says which): report them first",
            rest.len()
        ),
    };
    Err(Error::Usage(format!(
        "{what}: {}; `--private` exports for that report, and a crate or `--change` without one needs nothing",
        places.join("; ")
    )))
}

/// Where a crate's project wants to hear of it.
fn security_of(project: &Project, krate: &str) -> Result<String> {
    let pins = pin::pins(project, &[krate.to_owned()])?;
    let packed = pin::fetch(project, &pins)?;
    let work = tempfile::tempdir().on("cannot make a folder in", &std::env::temp_dir())?;
    pin::unpack(krate, &packed[0], work.path())?;
    let origin = Origin::read(krate, work.path())?;
    Ok(Upstream::of(krate, &origin.repository)?.0.security)
}

fn export(
    project: &Project,
    krate: &str,
    at: Option<usize>,
    defects: &[Defect],
    measured: &[Measured],
    into: &Path,
) -> Result<usize> {
    let changes = change::changes(project, krate)?;
    let pins = pin::pins(project, &[krate.to_owned()])?;
    let packed = pin::fetch(project, &pins)?;
    let work = tempfile::tempdir().on("cannot make a folder in", &std::env::temp_dir())?;
    let upto = at.map_or(changes.len(), |at| at + 1);
    let series = Series::make(
        krate,
        &packed[0],
        &changes[..upto],
        &work.path().join("crate"),
    )?;
    let patches = match at {
        Some(at) => series.patches_of(&changes, at)?,
        None => series.patches(&changes)?,
    };
    fs::create_dir_all(into).on("cannot make", into)?;
    for Patch { file, text, .. } in &patches {
        write(&into.join(file), text)?;
    }
    let (upstream, repository) = Upstream::of(krate, &series.origin.repository)?;
    let lines: Vec<Lines> = patches
        .iter()
        .map(|patch| status::lines(patch.change))
        .collect::<Result<_>>()?;
    let sheet = Sheet {
        krate,
        origin: &series.origin,
        repository: &repository,
        upstream: &upstream,
        patches: &patches,
        defects,
        measured,
        lines: &lines,
    };
    write(&into.join(SHEET), sheet.text().as_bytes())?;
    Ok(patches.len())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).on("cannot write", path)
}
