//! What a section counts, says and cuts.
#![allow(clippy::unwrap_used)]
use super::*;

fn section(bytes: u64, total: u64) -> (SharedPipe, Section) {
    let pipe = shared(Box::new(io::sink()), total);
    let until = Instant::now() + Duration::from_secs(60);
    let section = Section::begin(
        &pipe,
        "s".parse().unwrap(),
        "file",
        bytes,
        until,
        Time::from_ms(0),
    )
    .unwrap();
    (pipe, section)
}

#[test]
fn bytes_beyond_the_section_are_cut_and_said() {
    let (_, mut section) = section(4, 100);
    section.begin_file("a", false).unwrap();
    assert!(matches!(section.write(b"123456"), Err(Stop::Full)));
    let end = section.finish(Err(Stop::Full));
    assert_eq!(end.outcome, Outcome::Truncated);
    assert_eq!(end.left_out[0].bytes, 2);
    assert!(end.reason.contains("4 bytes"), "{}", end.reason);
}

#[test]
fn bytes_beyond_the_run_are_cut_and_said() {
    let (_, mut section) = section(100, 4);
    section.begin_file("a", false).unwrap();
    assert!(matches!(section.write(b"123456"), Err(Stop::Full)));
    assert!(section.finish(Err(Stop::Full)).reason.contains("whole run"));
}

#[test]
fn a_collector_that_was_given_up_is_heard_no_more() {
    let (pipe, mut old) = section(100, 100);
    old.begin_file("a", false).unwrap();
    let end = SectionEnd {
        outcome: Outcome::TimedOut,
        reason: String::new(),
        left_out: vec![],
        elapsed_ms: 0,
    };
    lock(&pipe).end_section(&end).unwrap();
    assert!(matches!(old.write(b"late"), Err(Stop::Closed)));
    assert!(matches!(old.begin_file("b", false), Err(Stop::Closed)));
}

/// Keeps what is written for a look at it.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_file_that_is_not_told_to_its_end_is_said_to_be_cut() {
    let ended_by = |act: &dyn Fn(&mut Section)| {
        let kept = Kept::default();
        let pipe = shared(Box::new(kept.clone()), 100);
        let until = Instant::now() + Duration::from_secs(60);
        let name = "s".parse().unwrap();
        let mut section = Section::begin(&pipe, name, "file", 5, until, Time::from_ms(0)).unwrap();
        section.begin_file("a", false).unwrap();
        kept.0.lock().unwrap().clear();
        act(&mut section);
        let end = section.finish(Ok(()));
        lock(&pipe).end_section(&end).unwrap();
        let bytes = kept.0.lock().unwrap();
        let mut cut = Vec::new();
        Frame::FileCut.write(&mut cut).unwrap();
        let at = bytes.windows(cut.len()).position(|w| w == cut);
        at.is_some()
    };
    let whole = |section: &mut Section| {
        section.write(b"12345").unwrap();
        section.end_file().unwrap();
    };
    assert!(!ended_by(&whole));
    assert!(ended_by(&|section| {
        section.write(b"123456").unwrap_err();
        section.end_file().unwrap();
    }));
    assert!(ended_by(&|section| {
        section.cut_file().unwrap();
        section.end_file().unwrap();
    }));
    assert!(ended_by(&|section| section.write(b"1").unwrap()));
}

#[test]
fn time_that_is_over_stops_the_flow() {
    let pipe = shared(Box::new(io::sink()), 100);
    let over = Instant::now().checked_sub(GRACE).unwrap();
    let mut late = Section::begin(
        &pipe,
        "s".parse().unwrap(),
        "file",
        9,
        over,
        Time::from_ms(0),
    )
    .unwrap();
    assert!(matches!(late.check_time(), Err(Stop::TimedOut(_))));
    assert!(matches!(
        late.begin_file("a", false),
        Err(Stop::TimedOut(_))
    ));
}

#[test]
fn a_long_list_of_what_is_left_out_is_summed_up() {
    let (_, mut section) = section(1, 1);
    (0..100).for_each(|n| section.leave_out(&n.to_string(), 2, 1));
    let end = section.finish(Ok(()));
    assert_eq!(end.left_out.len(), MOST_LEFT_OUT + 1);
    assert_eq!(end.left_out.iter().map(|l| l.items).sum::<u64>(), 100);
    assert_eq!(end.left_out.iter().map(|l| l.bytes).sum::<u64>(), 200);
}

#[test]
fn long_texts_are_cut_with_a_mark_and_paths_between_their_parts() {
    assert_eq!(cut("a\nb", 10), "a b");
    let long = cut(&"ß".repeat(LONGEST), LONGEST);
    assert!(long.len() <= LONGEST && long.ends_with(CUT_MARK));
    assert_eq!(last_parts("/a/größe", 100), "/a/größe");
    assert_eq!(last_parts("/a/größe/b", 9), "größe/b");
    assert_eq!(last_parts("/a/größe/b", 10), "größe/b");
    assert_eq!(last_parts("/a/größe/b", 8), "b");
    assert_eq!(last_parts("größe", 3), "a-name-that-is-too-long");
}

#[test]
fn half_a_secret_in_a_long_reason_does_not_pass_the_redaction() {
    let secret = "the-shops-own-secret-value";
    let redactor = boathook_hooks::redaction::Redactor::builder()
        .literals([secret])
        .build()
        .unwrap();
    // Wherever the cut falls, within the secret too.
    for before in LONGEST - 60..LONGEST {
        let (_, section) = section(1, 1);
        let why = format!("{}{secret}{}", "x ".repeat(before / 2), " x".repeat(60));
        let end = section.finish(Err(Stop::Failed(why)));
        let sent = redactor.redact_text(&end.reason).text;
        assert!(
            sent.starts_with("x x"),
            "what stands far before the cut stays"
        );
        assert!(!sent.contains("the-sh"), "{before}");
    }
}

#[test]
fn what_a_section_says_fits_into_one_frame() {
    let (_, mut section) = section(1, 1);
    let long = "x".repeat(LONGEST);
    (0..100).for_each(|_| section.leave_out(&long, 1, 1));
    let end = section.finish(Err(Stop::Failed(long)));
    let mut out = Vec::new();
    Frame::SectionEnd(end).write(&mut out).unwrap();
    assert!(out.len() < wire::MAX_HEAD, "{}", out.len());
}
