//! Reading frames from a pipe, in the daemon. What was read so far survives a cancelled `next`.
use tokio::io::{AsyncRead, AsyncReadExt};

use super::wire::{self, Frame, HEADER, MAX_DATA, MAX_HEAD, WireError};

/// Room for one frame; more is never held.
const LARGEST: usize = HEADER
    + if MAX_DATA > MAX_HEAD {
        MAX_DATA
    } else {
        MAX_HEAD
    };

pub struct Frames<R> {
    pipe: R,
    buffer: Vec<u8>,
    /// Where the unread part of `buffer` begins.
    at: usize,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub fn new(pipe: R) -> Self {
        Self {
            pipe,
            buffer: Vec::new(),
            at: 0,
        }
    }

    /// The next frame; none at the end of the pipe. A frame that is cut off by the end is no frame.
    pub async fn next(&mut self) -> Result<Option<Frame>, WireError> {
        loop {
            if let Some(frame) = self.whole()? {
                return Ok(Some(frame));
            }
            self.buffer.drain(..self.at);
            self.at = 0;
            self.buffer
                .reserve(LARGEST - self.buffer.len().min(LARGEST));
            let room = LARGEST.saturating_sub(self.buffer.len()) as u64;
            if (&mut self.pipe)
                .take(room)
                .read_buf(&mut self.buffer)
                .await?
                == 0
            {
                return Ok(None);
            }
        }
    }

    fn whole(&mut self) -> Result<Option<Frame>, WireError> {
        let unread = &self.buffer[self.at..];
        let Some((head, rest)) = unread.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let (kind, length) = wire::header(*head)?;
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        let frame = Frame::decode(kind, body.to_vec())?;
        self.at += HEADER + length;
        Ok(Some(frame))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_whole_however_the_pipe_cuts_them() {
        let mut bytes = Vec::new();
        let data = Frame::Data(vec![7; MAX_DATA]);
        for frame in [&data, &Frame::FileEnd, &data] {
            frame.write(&mut bytes).unwrap();
        }
        let pieces = tokio_test_pipe(bytes, 1000);
        let mut frames = Frames::new(pieces);
        assert_eq!(frames.next().await.unwrap(), Some(data.clone()));
        assert_eq!(frames.next().await.unwrap(), Some(Frame::FileEnd));
        assert_eq!(frames.next().await.unwrap(), Some(data));
        assert_eq!(frames.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_frame_that_is_cut_off_is_none_and_a_lying_length_an_error() {
        let mut frames = Frames::new([4, 9, 0, 0, 0, 1, 2].as_slice());
        assert_eq!(frames.next().await.unwrap(), None);
        let mut frames = Frames::new([4, 255, 255, 255, 255].as_slice());
        assert!(matches!(
            frames.next().await,
            Err(WireError::TooLarge { .. })
        ));
    }

    /// A reader that gives at most `piece` bytes at once.
    fn tokio_test_pipe(bytes: Vec<u8>, piece: usize) -> impl AsyncRead + Unpin {
        let (mut writer, reader) = tokio::io::duplex(piece);
        tokio::spawn(async move {
            tokio::io::AsyncWriteExt::write_all(&mut writer, &bytes)
                .await
                .unwrap();
        });
        reader
    }
}
