//! `verify`: every prefix of a series builds and passes, once.

use crate::support::{BOUND, BOUNDED, FACTS, Fixture, TOY, hook};

/// A checkout with a second change behind the first.
fn fixture(second: &str, test: &str) -> Fixture {
    let fixture = Fixture::new();
    let hooks = hook("src/bound.rs", BOUND, 4, 1, &[second]);
    let facts = FACTS.replace(
        "tests/bounded.rs::a_book_stays_bounded",
        "tests/two.rs::two_at_most",
    );
    fixture.change("bound-is-two", &facts, &hooks, &[("tests/two.rs", test)]);
    fixture
}

const TWO: &str = "#[test]\nfn two_at_most() {\n    let mut book = toy::Book::default();\n    (0..9).for_each(|entry| book.add(entry));\n    assert!(book.len() <= 3);\n}\n";

#[test]
fn each_prefix_is_built_and_tested_and_not_again() {
    let fixture = fixture("    if entries.len() > 3 {", TWO);
    let done = fixture.fork(&["verify", "toy"]);
    assert_eq!(done.code, 0, "{done:#?}");
    let done = done
        .says("verify: 1 of 2: toy-1.2.0/book-is-bounded")
        .says("toy-1.2.0/book-is-bounded: 1 tests passed")
        .says("toy-1.2.0/bound-is-two: 2 tests passed")
        .says("verify: 2 changes stand on those before them alone");
    drop(done);
    let again = fixture.fork(&["verify"]).stdout;
    assert!(
        !again.contains("verify: 1 of 2") && again.contains("2 tests passed"),
        "{again}"
    );
    let record = fixture.read("docs/verified.toml");
    assert!(
        record.contains("[change.\"toy-1.2.0/bound-is-two\"]") && record.contains("passed = 2"),
        "{record}"
    );
    // What changed, and what stands on it, is done again.
    fixture.replace(&fixture.of("bound-is-two", "tests/two.rs"), "<= 3", "< 4");
    let again = fixture.fork(&["verify"]).stdout;
    assert!(
        !again.contains("verify: 1 of 2") && again.contains("verify: 2 of 2"),
        "{again}"
    );
}

#[test]
fn a_prefix_that_needs_a_later_change_is_named_and_the_others_are_tried() {
    let fixture = fixture("    if entries.len() > 2 {", TWO);
    // Fails where the second change is, since three are expected; stands alone without it.
    let done = fixture.fork(&["verify"]);
    assert_eq!(done.code, 1, "{done:#?}");
    assert!(
        done.stdout
            .contains("toy-1.2.0/book-is-bounded: 1 tests passed"),
        "{done:#?}"
    );
    assert!(
        done.stdout
            .contains("toy-1.2.0/bound-is-two: tests/bounded.rs a_book_stays_bounded; see "),
        "{done:#?}"
    );
    assert!(
        done.stderr.contains("verify: 1 of 2 changes do not stand"),
        "{done:#?}"
    );
    // What stands is not tried again, and what does not is.
    let again = fixture.fork(&["verify", TOY]);
    assert!(
        again.code == 1
            && !again.stdout.contains("verify: 1 of 2")
            && again.stdout.contains("verify: 2 of 2"),
        "{again:#?}"
    );
}

#[test]
fn a_test_that_a_later_change_mends_is_left_out_before_it() {
    let fixture = fixture("    if entries.len() > 3 {", TWO);
    let unready = "#[test]\nfn the_second_is_laid() {\n    assert!(std::path::Path::new(\"tests/two.rs\").exists());\n}\n";
    let bounded = fixture.of("book-is-bounded", "tests/bounded.rs");
    fixture.write(&bounded, &format!("{BOUNDED}\n{unready}"));
    let suite = |until: &str| {
        format!(
            "[[crate]]\nname = \"{TOY}\"\n\n[[crate.unready]]\ntest = \"the_second_is_laid\"\nuntil = \"{until}\"\nwhy = \"it asks for it\"\n"
        )
    };
    fixture.write("tests/suites.toml", &suite("bound-is-one"));
    fixture.fork(&["verify"]).refused(
        1,
        &["tests/suites.toml: toy-1.2.0 has no change bound-is-one"],
    );
    fixture.write("tests/suites.toml", &suite("bound-is-two"));
    let done = fixture.fork(&["verify"]);
    assert_eq!(done.code, 0, "{done:#?}");
    let done = done
        .says("left out until bound-is-two: toy-1.2.0 the_second_is_laid")
        .says("toy-1.2.0/book-is-bounded: 1 tests passed")
        .says("toy-1.2.0/bound-is-two: 3 tests passed");
    drop(done);
}
