//! `cargo fork edit`: makes an assembled crate ready to be worked in with plain git.

use crate::Result;
use crate::git::{BRANCH, Repo, UPSTREAM};
use crate::project::Project;
use crate::verbs::assemble;

/// Assembles where needed, and prints where the tree is and which git commands lead back to `refresh`.
pub fn run(project: &Project, name: &str) -> Result<()> {
    let krate = project.find_crate(name)?;
    assemble::ensure(project)?;
    let repo = Repo::at(project.patched_dir(&krate));
    let place = project.patched_name(&krate);
    let up = vec![".."; place.split('/').count()].join("/");
    let log = repo.git(["log", "--format=  %h %s", &format!("{UPSTREAM}..{BRANCH}")])?;
    println!(
        "{place} is a git repository: `{UPSTREAM}` is the crate as published, a commit behind it a change."
    );
    if !log.is_empty() {
        println!("{log}");
    }
    println!(
        "
To mend a change:  cd {place}
                   … edit, then:  git commit --all --fixup=<commit>
                   git rebase --interactive --autosquash {UPSTREAM}
To add a change:   … edit, `git add` new files, then:  git commit
                   with a line `Change: <slug>` at the end of the message; the slug says what the change does
Dependencies, features and targets of Cargo.toml are not edited: they stand in patch/{krate}/<slug>/change.toml.
Then, from the root of the checkout (`cargo fork` works only there):  cd {up} && cargo fork refresh {krate}"
    );
    Ok(())
}
