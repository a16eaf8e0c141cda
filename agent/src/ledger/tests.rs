#![allow(clippy::unwrap_used)]
use boathook_hooks::{
    documents::hook::Reask,
    ids::{Blob, ClaimId},
};

use super::*;

fn time(ms: i64) -> Time {
    Time::from_ms(1_800_000_000_000 + ms)
}

fn digest(revision: u32) -> Digest {
    Digest::of(&revision.to_be_bytes())
}

fn begun(run: &str, revision: u32, attempt: u32, attempts: u32) -> Record {
    let digest = digest(revision);
    Record::Begun(Begun {
        at: time(0),
        run: run.into(),
        digest,
        hook: "hook-1".parse().unwrap(),
        revision,
        title: "Host facts".into(),
        attempt,
        attempts,
        claim: ClaimId {
            revision: digest,
            instance: "app-01".parse().unwrap(),
            reservation: 1,
        },
    })
}

fn ended(run: &str, end: End) -> Record {
    Record::Ended {
        at: time(1_000),
        run: run.into(),
        end,
    }
}

fn packed() -> End {
    End::Packed {
        bytes: 10_000,
        sha256: Digest::of(b"zip"),
        name: "x.zip".into(),
        interrupted: false,
    }
}

fn settled(run: &str, fate: Fate) -> Record {
    Record::Settled {
        at: time(2_000),
        run: run.into(),
        fate,
    }
}

fn accepted() -> Fate {
    Fate::Accepted {
        receipt: Blob(vec![1; 400]),
    }
}

fn answered(run: Option<&str>, kind: AnswerKind, revision: u32) -> Record {
    Record::Answered(Answered {
        at: time(3_000),
        digest: digest(revision),
        kind,
        reason: String::new(),
        run: run.map(Into::into),
        mark: Digest::of(b"mark"),
    })
}

fn ledger(records: Vec<Record>) -> (tempfile::TempDir, Ledger) {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    records.into_iter().for_each(|r| ledger.append(r).unwrap());
    (dir, ledger)
}

/// What follows for `revision` at 100 s.
fn after(records: Vec<Record>, revision: u32, reask: Reask) -> Next {
    let (_dir, ledger) = ledger(records);
    let asked = Asked {
        digest: digest(revision),
        hook: "hook-1".parse().unwrap(),
        revision,
        attempts: 1,
        reask,
    };
    next(&asked, &ledger.runs_of(&asked.hook), time(100_000))
}

fn kind(next: Next) -> Option<AnswerKind> {
    match next {
        Next::Answer { kind, .. } => Some(kind),
        _ => None,
    }
}

#[test]
fn a_hook_runs_once_and_never_again_once_it_is_accepted_or_rejected() {
    let first = || vec![begun("a", 1, 1, 1), ended("a", packed())];
    assert_eq!(after(vec![], 1, Reask::None), Next::Run { attempt: 1 });
    assert_eq!(after(vec![begun("a", 1, 1, 1)], 1, Reask::None), Next::Busy);
    assert_eq!(after(first(), 1, Reask::None), Next::Busy);
    for fate in [
        accepted(),
        Fate::Rejected {
            reason: "bad".into(),
        },
    ] {
        let mut all = first();
        all.push(settled("a", fate));
        assert_eq!(after(all, 1, Reask::All), Next::Done);
    }
}

#[test]
fn a_run_that_failed_or_was_interrupted_is_answered_and_starts_again_only_as_often_as_attempts_says()
 {
    for (end, says) in [
        (
            End::Failed {
                reason: "no child".into(),
            },
            AnswerKind::Failed,
        ),
        (End::Interrupted, AnswerKind::Interrupted),
    ] {
        let once = |attempts| vec![begun("a", 1, 1, attempts), ended("a", end.clone())];
        assert_eq!(kind(after(once(1), 1, Reask::None)), Some(says));
        let told = |attempts| [once(attempts), vec![answered(Some("a"), says, 1)]].concat();
        assert_eq!(after(told(1), 1, Reask::None), Next::Done);
        assert_eq!(after(told(2), 1, Reask::None), Next::Run { attempt: 2 });
        let twice = [
            told(2),
            vec![
                begun("b", 1, 2, 2),
                ended("b", end.clone()),
                answered(Some("b"), says, 1),
            ],
        ];
        assert_eq!(after(twice.concat(), 1, Reask::None), Next::Done);
    }
}

#[test]
fn a_failed_run_rests_before_the_next() {
    let all = vec![
        begun("a", 1, 1, 3),
        ended("a", End::Failed { reason: "x".into() }),
        answered(Some("a"), AnswerKind::Failed, 1),
    ];
    let (_dir, ledger) = ledger(all);
    let asked = Asked {
        digest: digest(1),
        hook: "hook-1".parse().unwrap(),
        revision: 1,
        attempts: 3,
        reask: Reask::None,
    };
    assert!(matches!(
        next(&asked, &ledger.runs_of(&asked.hook), time(1_500)),
        Next::Rest(_)
    ));
}

#[test]
fn a_stopped_run_is_answered_once_and_not_repeated() {
    let stopped = vec![
        begun("a", 1, 1, 5),
        ended(
            "a",
            End::Stopped {
                reason: "stopped".into(),
            },
        ),
    ];
    assert_eq!(
        kind(after(stopped.clone(), 1, Reask::None)),
        Some(AnswerKind::Failed)
    );
    let told = [stopped, vec![answered(Some("a"), AnswerKind::Failed, 1)]].concat();
    assert_eq!(after(told, 1, Reask::None), Next::Done);
}

#[test]
fn a_new_revision_runs_again_only_where_reask_says_so() {
    let good = || {
        vec![
            begun("a", 1, 1, 1),
            ended("a", packed()),
            settled("a", accepted()),
        ]
    };
    let bad = || {
        vec![
            begun("a", 1, 1, 1),
            ended("a", End::Interrupted),
            answered(Some("a"), AnswerKind::Interrupted, 1),
        ]
    };
    assert_eq!(
        kind(after(good(), 2, Reask::None)),
        Some(AnswerKind::AnsweredBefore)
    );
    assert_eq!(
        kind(after(good(), 2, Reask::Failed)),
        Some(AnswerKind::AnsweredBefore)
    );
    assert_eq!(after(good(), 2, Reask::All), Next::Run { attempt: 1 });
    assert_eq!(
        kind(after(bad(), 2, Reask::None)),
        Some(AnswerKind::AnsweredBefore)
    );
    assert_eq!(after(bad(), 2, Reask::Failed), Next::Run { attempt: 1 });
    assert_eq!(
        after(
            vec![begun("a", 1, 1, 1), ended("a", packed())],
            2,
            Reask::Failed
        ),
        Next::Busy
    );
}

#[test]
fn an_older_revision_than_one_that_ran_does_not_run() {
    let newer = vec![
        begun("a", 2, 1, 1),
        ended("a", packed()),
        settled("a", accepted()),
    ];
    assert_eq!(
        kind(after(newer, 1, Reask::All)),
        Some(AnswerKind::AnsweredBefore)
    );
}

#[test]
fn a_packet_whose_claim_is_gone_is_made_again_while_attempts_last() {
    let gone = |attempts| {
        vec![
            begun("a", 1, 1, attempts),
            ended("a", packed()),
            settled(
                "a",
                Fate::Gone {
                    reason: "late".into(),
                },
            ),
        ]
    };
    assert_eq!(
        kind(after(gone(1), 1, Reask::None)),
        Some(AnswerKind::Failed)
    );
    assert_eq!(after(gone(2), 1, Reask::None), Next::Run { attempt: 2 });
}

#[test]
fn a_run_without_an_end_is_found_at_the_next_start() {
    let (dir, first) = ledger(vec![
        begun("a", 1, 1, 1),
        ended("a", packed()),
        begun("b", 2, 1, 1),
    ]);
    drop(first);
    let again = Ledger::open(dir.path()).unwrap();
    let cut: Vec<_> = again
        .unfinished()
        .into_iter()
        .map(|r| r.begun.run)
        .collect();
    assert_eq!(cut, ["b"]);
}

#[test]
fn a_line_that_a_crash_cut_off_is_left_out_and_the_next_one_stands_alone() {
    let (dir, first) = ledger(vec![begun("a", 1, 1, 1)]);
    drop(first);
    let path = dir.path().join(FILE);
    let mut text = std::fs::read(&path).unwrap();
    text.extend_from_slice(br#"{"what":"ended","at":"2027"#);
    std::fs::write(&path, &text).unwrap();
    let mut again = Ledger::open(dir.path()).unwrap();
    assert_eq!(again.unfinished().len(), 1);
    again.append(ended("a", End::Interrupted)).unwrap();
    drop(again);
    assert_eq!(Ledger::open(dir.path()).unwrap().unfinished().len(), 0);
    assert_eq!(Ledger::read_all(dir.path()).unwrap().len(), 2);
}

#[test]
fn a_line_that_does_not_read_stops_everything() {
    let (dir, first) = ledger(vec![begun("a", 1, 1, 1)]);
    drop(first);
    let path = dir.path().join(FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{{}}\n{text}")).unwrap();
    assert!(matches!(
        Ledger::open(dir.path()),
        Err(LedgerError::Damaged { line: 1, .. })
    ));
}

#[test]
fn a_refusal_is_settled_until_what_it_stood_on_changes() {
    let mark = Digest::of(b"mark");
    for (kind, same, other) in [
        (AnswerKind::Refused, true, false),
        (AnswerKind::Unsupported, true, false),
        (AnswerKind::Declined, true, true),
        (AnswerKind::AnsweredBefore, true, true),
        (AnswerKind::Waiting, false, false),
    ] {
        let (_dir, ledger) = ledger(vec![answered(None, kind, 1)]);
        assert_eq!(ledger.is_settled(&digest(1), &mark), same, "{kind:?}");
        assert_eq!(
            ledger.is_settled(&digest(1), &Digest::of(b"new")),
            other,
            "{kind:?}"
        );
    }
}

#[test]
fn the_day_counts_runs_and_packet_bytes() {
    let (_dir, ledger) = ledger(vec![
        begun("a", 1, 1, 1),
        ended("a", packed()),
        begun("b", 2, 1, 1),
    ]);
    assert_eq!(
        ledger.used(time(5)),
        Used {
            runs: 2,
            bytes: 10_000
        }
    );
    assert_eq!(ledger.used(time(2 * 86_400_000)), Used::default());
}
