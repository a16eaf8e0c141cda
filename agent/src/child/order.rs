//! The daemon's distrust of a child's frames: their order, their sections and their bytes, each counted.
use std::collections::VecDeque;

use boathook_hooks::{
    documents::hook::CollectorEntry, ids::SectionName, packet::Outcome, time::Time,
};

use super::wire::{Frame, SectionBegin, SectionEnd, WireError};

/// Most files that one run may begin.
const MAX_FILES: u32 = 100_000;

/// Where the stream of one run stands, over all its children.
#[derive(Debug)]
pub struct Order {
    /// Sections that were not begun yet, in the hook's order.
    waiting: VecDeque<CollectorEntry>,
    state: State,
    begun: bool,
    files: u32,
    total_left: u64,
    /// The policy lets files pass without redaction, where the hook says so.
    raw: bool,
}

#[derive(Debug)]
enum State {
    Between,
    Section { left: u64, file: bool, raw: bool },
    Over,
}

impl Order {
    /// `raw` is the policy's word.
    pub fn new(expected: Vec<CollectorEntry>, total_bytes: u64, raw: bool) -> Self {
        Self {
            waiting: expected.into(),
            state: State::Between,
            begun: false,
            files: 0,
            total_left: total_bytes,
            raw,
        }
    }

    /// Whether `frame` may come now. After an error the child is not listened to any more.
    pub fn admit(&mut self, frame: &Frame) -> Result<(), WireError> {
        let wrong = |what| Err(WireError::Order(what));
        match (frame, &mut self.state) {
            (_, State::Over) => wrong("something after the end"),
            (Frame::Begun(_), State::Between) if !self.begun => {
                self.begun = true;
                Ok(())
            }
            (Frame::Refused(_), State::Between) if !self.begun => {
                self.state = State::Over;
                Ok(())
            }
            _ if !self.begun => wrong("something before the beginning"),
            (Frame::SectionBegin(head), State::Between) => self.begin(head),
            (Frame::FileBegin(head), State::Section { raw: false, .. }) if head.raw => {
                wrong("raw bytes, which hook and policy do not both allow")
            }
            (Frame::FileBegin(_), State::Section { file, .. }) if !*file => {
                self.files += 1;
                *file = true;
                if self.files > MAX_FILES {
                    wrong("too many files")
                } else {
                    Ok(())
                }
            }
            (
                Frame::Data(bytes),
                State::Section {
                    file: true, left, ..
                },
            ) => {
                let size = bytes.len() as u64;
                if size > *left {
                    return wrong("a section of more bytes than its limit");
                }
                if size > self.total_left {
                    return wrong("more bytes than the run may have");
                }
                *left -= size;
                self.total_left -= size;
                Ok(())
            }
            (Frame::FileEnd | Frame::FileCut, State::Section { file, .. }) if *file => {
                *file = false;
                Ok(())
            }
            (Frame::SectionEnd(_), State::Section { file: false, .. }) => {
                self.state = State::Between;
                Ok(())
            }
            (Frame::Done, State::Between) if self.waiting.is_empty() => {
                self.state = State::Over;
                Ok(())
            }
            (Frame::Done, _) => wrong("the end, before all sections came"),
            _ => wrong("a frame that does not fit to the one before"),
        }
    }

    /// `frame`, before it is admitted, as it is to be passed on: a file that ends just where its section or the run may
    /// have no more is cut, whatever the child says.
    pub fn doubted(&self, frame: Frame) -> Frame {
        match (&frame, &self.state) {
            (Frame::FileEnd, State::Section { left, .. }) if *left == 0 || self.total_left == 0 => {
                Frame::FileCut
            }
            _ => frame,
        }
    }

    /// Sections come in the hook's order, each once.
    fn begin(&mut self, head: &SectionBegin) -> Result<(), WireError> {
        match self.waiting.pop_front() {
            Some(entry) if entry.section == head.section && entry.collector == head.collector => {
                self.state = State::Section {
                    left: entry.bytes,
                    file: false,
                    raw: self.raw && asks_for_raw(&entry),
                };
                Ok(())
            }
            other => {
                // Kept, so that it is accounted for at the end.
                self.waiting.extend(other);
                Err(WireError::Order("a section that was not to come now"))
            }
        }
    }

    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    pub fn total_left(&self) -> u64 {
        self.total_left
    }

    /// Sections that have not begun.
    pub fn waiting(&self) -> impl Iterator<Item = &SectionName> {
        self.waiting.iter().map(|e| &e.section)
    }

    /// The child is gone: frames that end what it left open. True when a section was open.
    pub fn close_open(
        &mut self,
        outcome: Outcome,
        reason: &str,
        sink: &mut impl FnMut(Frame),
    ) -> bool {
        self.begun = false;
        let State::Section { file, .. } = &self.state else {
            return false;
        };
        if *file {
            sink(Frame::FileCut);
        }
        self.state = State::Between;
        sink(end(outcome, reason));
        true
    }

    /// Frames for every section that never began.
    pub fn close_waiting(
        &mut self,
        at: Time,
        outcome: Outcome,
        reason: &str,
        sink: &mut impl FnMut(Frame),
    ) {
        for entry in self.waiting.drain(..) {
            sink(Frame::SectionBegin(SectionBegin {
                section: entry.section,
                collector: entry.collector,
                at,
            }));
            sink(end(outcome, reason));
        }
        self.state = State::Over;
    }
}

/// Only the collector of files knows raw ones.
fn asks_for_raw(entry: &CollectorEntry) -> bool {
    entry.collector == "file" && matches!(entry.params.get_bool("raw"), Ok(true))
}

fn end(outcome: Outcome, reason: &str) -> Frame {
    Frame::SectionEnd(SectionEnd {
        outcome,
        reason: reason.to_owned(),
        left_out: Vec::new(),
        elapsed_ms: 0,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::child::wire::{Begun, FileBegin};

    fn entry(name: &str, bytes: u64) -> CollectorEntry {
        CollectorEntry {
            section: name.parse().unwrap(),
            collector: "file".into(),
            seconds: 5,
            bytes,
            params: bson::Document::new(),
        }
    }

    fn order() -> Order {
        Order::new(vec![entry("a", 10), entry("b", 10)], 15, true)
    }

    fn begun() -> Frame {
        Frame::Begun(Begun { privileges: vec![] })
    }

    fn begin(name: &str) -> Frame {
        let section = name.parse().unwrap();
        Frame::SectionBegin(SectionBegin {
            section,
            collector: "file".into(),
            at: Time::from_ms(0),
        })
    }

    fn file() -> Frame {
        Frame::FileBegin(FileBegin {
            path: "x".into(),
            raw: false,
        })
    }

    fn data(n: usize) -> Frame {
        Frame::Data(vec![0; n])
    }

    fn ended() -> Frame {
        end(Outcome::Ok, "")
    }

    /// What comes of the last frame.
    fn after(frames: &[Frame]) -> Result<(), String> {
        let mut order = order();
        let (last, first) = frames.split_last().unwrap();
        first.iter().for_each(|f| order.admit(f).unwrap());
        order.admit(last).map_err(|e| e.to_string())
    }

    #[test]
    fn a_whole_run_is_admitted() {
        let frames = [
            begun(),
            begin("a"),
            file(),
            data(10),
            Frame::FileEnd,
            ended(),
            begin("b"),
            file(),
            data(5),
            Frame::FileEnd,
            ended(),
            Frame::Done,
        ];
        assert_eq!(after(&frames), Ok(()));
    }

    #[test]
    fn more_bytes_than_the_section_or_the_run_may_have_are_refused() {
        assert!(
            after(&[begun(), begin("a"), file(), data(11)])
                .unwrap_err()
                .contains("than its limit")
        );
        let full = [
            begun(),
            begin("a"),
            file(),
            data(10),
            Frame::FileEnd,
            ended(),
            begin("b"),
            file(),
            data(6),
        ];
        assert!(after(&full).unwrap_err().contains("than the run"));
    }

    #[test]
    fn a_file_that_ends_where_its_limit_does_is_cut_whatever_the_child_says() {
        // How the last of these files ends, one in each section.
        let end_after = |bytes: &[usize]| {
            let mut order = order();
            order.admit(&begun()).unwrap();
            let mut last = Frame::Done;
            for (name, bytes) in ["a", "b"].iter().zip(bytes) {
                for frame in [begin(name), file(), data(*bytes)] {
                    order.admit(&frame).unwrap();
                }
                last = order.doubted(Frame::FileEnd);
                order.admit(&last).unwrap();
                order.admit(&ended()).unwrap();
            }
            last
        };
        assert_eq!(end_after(&[9, 3]), Frame::FileEnd);
        assert_eq!(end_after(&[3, 10]), Frame::FileCut, "the section's");
        assert_eq!(end_after(&[8, 7]), Frame::FileCut, "the run's");
    }

    #[test]
    fn raw_bytes_pass_only_where_the_hook_asks_and_the_policy_allows() {
        let raw = Frame::FileBegin(FileBegin {
            path: "x".into(),
            raw: true,
        });
        let admitted = |collector: &str, params: bson::Document, policy| {
            let mut entry = entry("a", 10);
            (entry.collector, entry.params) = (collector.into(), params);
            let head = SectionBegin {
                section: entry.section.clone(),
                collector: collector.into(),
                at: Time::from_ms(0),
            };
            let mut order = Order::new(vec![entry], 15, policy);
            order.admit(&begun()).unwrap();
            order.admit(&Frame::SectionBegin(head)).unwrap();
            order.admit(&raw).is_ok()
        };
        let asked = bson::doc! {"raw": true};
        assert!(admitted("file", asked.clone(), true));
        assert!(!admitted("file", asked.clone(), false), "the policy");
        assert!(!admitted("file", bson::doc! {"raw": false}, true));
        assert!(!admitted("file", bson::doc! {}, true), "the hook");
        assert!(!admitted("command", asked, true), "no collector of files");
    }

    #[test]
    fn frames_out_of_order_are_refused() {
        for frames in [
            vec![begin("a")],
            vec![begun(), begun()],
            vec![begun(), begin("b")],
            vec![begun(), file()],
            vec![begun(), begin("a"), data(1)],
            vec![begun(), begin("a"), file(), file()],
            vec![begun(), begin("a"), file(), ended()],
            vec![begun(), begin("a"), begin("b")],
            vec![begun(), begin("a"), Frame::FileEnd],
            vec![begun(), Frame::Done],
            vec![begun(), begin("a"), Frame::Done],
        ] {
            assert!(after(&frames).is_err(), "{frames:?}");
        }
    }

    #[test]
    fn what_a_dead_child_left_open_is_ended_and_what_never_began_is_told() {
        let mut order = order();
        for frame in [begun(), begin("a"), file(), data(3)] {
            order.admit(&frame).unwrap();
        }
        let mut told = Vec::new();
        assert!(order.close_open(Outcome::TimedOut, "late", &mut |f| told.push(f)));
        order.close_waiting(
            Time::from_ms(9),
            Outcome::TimedOut,
            "never begun",
            &mut |f| told.push(f),
        );
        let again = SectionBegin {
            section: "b".parse().unwrap(),
            collector: "file".into(),
            at: Time::from_ms(9),
        };
        assert_eq!(
            told,
            [
                Frame::FileCut,
                end(Outcome::TimedOut, "late"),
                Frame::SectionBegin(again),
                end(Outcome::TimedOut, "never begun")
            ]
        );
        assert!(order.is_over());
    }
}
