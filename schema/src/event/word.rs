//! The documented words of events, and the macro that declares any closed set of words.
//!
//! Separate from the event, whose fields they fill. Invariants: a word never changes its spelling or its place, since
//! its place is its Protobuf number; words are only ever added, at the end.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of their strength or documentation.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The word used on the wire.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            /// The value of a wire word; `None` if unknown.
            #[must_use]
            pub fn from_word(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Where a message goes.
    Chat {
        /// To one account.
        Direct = "direct",
        /// Into a group.
        Group = "group",
    }
}
words! {
    /// Who wrote first between a report's author and its target.
    Contact {
        /// The two never talked.
        None = "none",
        /// The author wrote first.
        Author = "author",
        /// The account wrote first.
        Account = "account",
    }
}
words! {
    /// What a report is for. Unknown words read as `other`.
    ReportReason {
        /// Unwanted bulk messages.
        Spam = "spam",
        /// Fraud.
        Scam = "scam",
        /// Pretends to be somebody.
        Impersonation = "impersonation",
        /// Harassment.
        Harassment = "harassment",
        /// Threat of harm; opens an urgent case.
        Threat = "threat",
        /// Child safety; opens an urgent case.
        ChildSafety = "child_safety",
        /// Anything else.
        Other = "other",
    }
}
words! {
    /// What an account is registered as.
    Tier {
        /// A person.
        Person = "person",
        /// A business.
        Business = "business",
        /// A verified business or body.
        Verified = "verified",
        /// A declared bot.
        Bot = "bot",
    }
}
words! {
    /// What a restriction covers.
    Scope {
        /// Everything.
        All = "all",
        /// All messages.
        Messages = "messages",
        /// Messages to accounts never written to before.
        NewChats = "new_chats",
        /// Adding members to groups.
        GroupAdds = "group_adds",
        /// Creating groups.
        GroupCreates = "group_creates",
        /// Contact discovery.
        Lookups = "lookups",
        /// Registering accounts (entities only).
        Registration = "registration",
    }
}
words! {
    /// Kinds of things that accounts share.
    EntityKind {
        /// A device.
        Device = "device",
        /// A network prefix.
        Prefix = "prefix",
        /// An autonomous system.
        Asn = "asn",
        /// A block of numbers.
        NumberRange = "number_range",
        /// An account that others wrote to first.
        Peer = "peer",
    }
}
words! {
    /// What a reviewer decided.
    Verdict {
        /// The decision stands.
        Confirm = "confirm",
        /// The restrictions go.
        Lift = "lift",
        /// Another scope, limit or end.
        Change = "change",
        /// A ban.
        Ban = "ban",
        /// No automatic restriction for a time.
        Exempt = "exempt",
    }
}
words! {
    /// Kinds of things that `weir.control` switches.
    ControlKind {
        /// A policy.
        Policy = "policy",
        /// A model.
        Model = "model",
        /// Online weights.
        Weights = "weights",
        /// A blocklist.
        Blocklist = "blocklist",
        /// The exempt list.
        Exempt = "exempt",
        /// The kill switch.
        Kill = "kill",
    }
}
