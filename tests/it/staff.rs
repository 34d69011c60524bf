//! Somebody of the staff without a browser: signs in by a one-time link, keeps the cookie, fills forms in.
//!
//! Separate from the tests that need it. Invariant: redirects are given, not followed, so that a test sees them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use harness::up::Up;

const PASSWORD: &str = "river holds the debris back";

/// Somebody signed in.
pub struct Staff {
    stream: BufReader<TcpStream>,
    address: String,
    cookie: String,
    csrf: String,
}

struct Answer {
    status: u16,
    location: String,
    cookie: String,
    body: String,
}

impl Staff {
    /// The first administrator, by the link that the server told.
    pub fn first(up: &Up, link: &str, name: &str) -> Staff {
        Self::by_link(&up.address, link, name)
    }

    /// Somebody who was invited.
    pub fn invited(address: &str, link: &str) -> Staff {
        Self::by_link(address, link, "")
    }

    /// By a link that lets one choose a name, at an address.
    pub fn by_link(address: &str, link: &str, name: &str) -> Staff {
        let stream = connected(address);
        let (cookie, csrf) = (String::new(), String::new());
        let mut staff = Staff { stream, address: address.to_owned(), cookie, csrf };
        let path = &link[link.find("/review/").expect("a path of ours")..];
        let fields = [("name", name), ("password", PASSWORD), ("again", PASSWORD)];
        let answer = staff.call("POST", path, &encoded(&fields));
        assert_eq!(answer.status, 303, "{}", answer.body);
        staff.cookie = answer.cookie.split(';').next().unwrap_or_default().to_owned();
        let page = staff.get("/review/me");
        let marker = "name=\"csrf\" value=\"";
        let rest = page.split_once(marker).expect("every page has forms").1;
        staff.csrf = rest.split('"').next().unwrap_or_default().to_owned();
        staff
    }

    /// A page.
    pub fn get(&mut self, path: &str) -> String {
        let answer = self.call("GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// Where an address leads; empty: nowhere else.
    pub fn leads(&mut self, path: &str) -> String {
        self.call("GET", path, "").location
    }

    /// The status of a page, whatever it is.
    pub fn status(&mut self, path: &str) -> u16 {
        self.call("GET", path, "").status
    }

    /// Sends a form; gives where it leads.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let csrf = self.csrf.clone();
        let fields: Vec<(&str, &str)> =
            [("csrf", &*csrf)].into_iter().chain(fields.iter().copied()).collect();
        let answer = self.call("POST", path, &encoded(&fields));
        assert_eq!(answer.status, 303, "{path}: {}", answer.body);
        answer.location
    }

    /// Sends a form; gives the status, whatever it is.
    pub fn try_post(&mut self, path: &str, fields: &[(&str, &str)]) -> u16 {
        let csrf = self.csrf.clone();
        let own = [("csrf", &*csrf)].into_iter();
        let fields: Vec<(&str, &str)> = own.chain(fields.iter().copied()).collect();
        self.call("POST", path, &encoded(&fields)).status
    }

    /// The same person after the server was started anew at another address: only the cookie is kept.
    pub fn again_at(self, address: &str) -> Staff {
        let Staff { cookie, csrf, .. } = self;
        let stream = connected(address);
        Staff { stream, address: address.to_owned(), cookie, csrf }
    }

    /// A one-time link for somebody.
    pub fn invite(&mut self, name: &str, role: &str) -> String {
        let csrf = self.csrf.clone();
        let body = encoded(&[("csrf", &csrf), ("name", name), ("role", role)]);
        let answer = self.call("POST", "/review/people/invite", &body);
        let page = if answer.status == 303 { self.get(&answer.location) } else { answer.body };
        let at = page.find("/review/welcome/").unwrap_or_else(|| panic!("no link: {page}"));
        let path: String =
            page[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || "/-_".contains(*c)).collect();
        format!("http://{}{path}", self.address)
    }

    /// How long a page takes, ms, so many times.
    pub fn timed_gets(&mut self, path: &str, times: usize) -> Vec<u128> {
        let time = |staff: &mut Staff| {
            let watch = harness::clock::now();
            staff.get(path);
            watch.elapsed().as_millis()
        };
        (0..times).map(|_| time(self)).collect()
    }

    /// Looks again and again, for five minutes at most.
    pub fn wait_until(&mut self, mut holds: impl FnMut(&mut Staff) -> bool) {
        for _ in 0..3_000 {
            if holds(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("it never came: {}", self.get("/review/"));
    }

    fn call(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {}\r\nContent-Type: \
             application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.cookie,
            body.len(),
            host = self.address,
        );
        self.stream.get_mut().write_all(request.as_bytes()).expect("it takes requests");
        let mut answer =
            Answer { status: 0, location: String::new(), cookie: String::new(), body: String::new() };
        let mut length = None;
        loop {
            let mut line = String::new();
            assert!(
                self.stream.read_line(&mut line).expect("it answers") > 0,
                "{path}: the connection ended"
            );
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if answer.status == 0 {
                answer.status =
                    line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
            }
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            match &*name.to_ascii_lowercase() {
                "location" => value.clone_into(&mut answer.location),
                "set-cookie" => value.clone_into(&mut answer.cookie),
                "content-length" => length = value.parse::<usize>().ok(),
                _ => {}
            }
        }
        let mut bytes = vec![0; length.expect("pages have a length")];
        self.stream.read_exact(&mut bytes).expect("the whole answer");
        answer.body = String::from_utf8_lossy(&bytes).into_owned();
        answer
    }
}

fn connected(address: &str) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_nodelay(true).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a connection");
    BufReader::new(stream)
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}
