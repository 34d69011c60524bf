//! A small HTTP/1.1 client over one connection: what the tests of a server need, and nothing hidden.
//!
//! Separate from the tests. Invariant: a broken connection is an error, never a panic, since some tests kill the server.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("no JSON ({error}): {}", String::from_utf8_lossy(&self.body));
        })
    }
}

/// One connection.
pub struct Client {
    stream: BufReader<TcpStream>,
    /// Headers that every request carries, each with its line end.
    pub headers: String,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// If nobody listens.
    pub fn connect(address: &str) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Client { stream: BufReader::new(stream), headers: String::new() })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// If the connection breaks.
    pub fn call(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> io::Result<Answer> {
        self.send(method, path, headers, body)?;
        let (status, length) = self.head()?;
        let body = match length {
            Some(length) => {
                let mut body = vec![0; length];
                self.stream.read_exact(&mut body)?;
                body
            }
            None => self.chunks()?,
        };
        Ok(Answer { status, body })
    }

    /// Sends a request whose answer does not end; gives the status.
    ///
    /// # Errors
    /// If the connection breaks.
    pub fn open(&mut self, path: &str, headers: &str) -> io::Result<u16> {
        self.send("GET", path, headers, b"")?;
        Ok(self.head()?.0)
    }

    /// The next line of an answer that does not end, without its line end; chunk sizes are left out.
    ///
    /// # Errors
    /// If the connection breaks or nothing comes.
    pub fn line(&mut self) -> io::Result<String> {
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_owned();
            let is_size = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_size {
                return Ok(line);
            }
        }
    }

    fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> io::Result<()> {
        let own = &self.headers;
        let host =
            if own.contains("Host:") || headers.contains("Host:") { "" } else { "Host: localhost\r\n" };
        let head =
            format!("{method} {path} HTTP/1.1\r\n{host}{own}{headers}Content-Length: {}\r\n\r\n", body.len());
        let stream = self.stream.get_mut();
        stream.write_all(&[head.as_bytes(), body].concat())?;
        stream.flush()
    }

    fn head(&mut self) -> io::Result<(u16, Option<usize>)> {
        let wrong = || io::Error::from(io::ErrorKind::InvalidData);
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(wrong)?;
        let mut length = None;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                return Ok((status, length));
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = Some(value.trim().parse().map_err(|_| wrong())?);
            }
        }
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim_end(), 16).unwrap_or(0);
            let mut chunk = vec![0; size + 2];
            self.stream.read_exact(&mut chunk)?;
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }
}
