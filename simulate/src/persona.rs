//! The personas: every kind of account that the simulator knows, benign and abusive, with its share.
//!
//! Separate from their behaviour (`personas/`), because the truth file, the judge and a caller's own mix speak of them.
//! Invariant: one closed enum; a persona's word is stable.

macro_rules! personas {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $label:ident, $weight:literal;)+) => {
        /// A kind of account.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Persona { $($(#[$doc])* $variant,)+ }

        impl Persona {
            /// Every persona, benign ones first.
            pub const ALL: &'static [Persona] = &[$(Persona::$variant,)+];

            /// The word in truth files.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Persona::$variant => $word,)+ }
            }

            /// The persona of a word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Persona> {
                match word { $($word => Some(Persona::$variant),)+ _ => None }
            }

            /// What accounts of the persona are.
            #[must_use]
            pub const fn label(self) -> Label {
                match self { $(Persona::$variant => Label::$label,)+ }
            }

            /// Benign: accounts among 100,000 benign ones. Abusive: accounts among 1,000 abusive ones.
            #[must_use]
            pub const fn weight(self) -> u32 {
                match self { $(Persona::$variant => $weight,)+ }
            }
        }
    };
}

/// What an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// It abuses (a taken-over account from the takeover on).
    Abusive,
    /// It does no harm.
    Benign,
}

impl Label {
    /// The word in truth files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Label::Abusive => "abusive",
            Label::Benign => "benign",
        }
    }
}

personas! {
    /// An ordinary person; takes what the other benign personas leave.
    Person = "person", Benign, 0;
    /// An ordinary person who registers within the time.
    Newcomer = "newcomer", Benign, 3000;
    /// Silent for weeks to years, then back.
    DormantReturner = "dormant_returner", Benign, 300;
    /// Abroad for some days, on a foreign network.
    Traveller = "traveller", Benign, 800;
    /// Sends greetings to everybody at the holiday's midnight.
    HolidayGreeter = "holiday_greeter", Benign, 300;
    /// Sends news to 200 to 2,000 customers a day.
    BusinessBroadcaster = "business_broadcaster", Benign, 80;
    /// Sends one-time passwords; on the exempt list.
    OtpBot = "otp_bot", Benign, 50;
    /// Sends alarms to subscribers; on the exempt list.
    AlertBot = "alert_bot", Benign, 50;
    /// Runs 10 to 50 groups of a school, a mosque or a club.
    CommunityAdmin = "community_admin", Benign, 120;
    /// Many strangers write to it.
    Celebrity = "celebrity", Benign, 60;
    /// 20 to 80 strangers a day write to it first.
    MarketSeller = "market_seller", Benign, 150;
    /// Tells its contacts of its new number within an hour.
    NumberChanger = "number_changer", Benign, 150;
    /// Greets everybody from a new phone.
    ReturnerNewPhone = "returner_new_phone", Benign, 150;
    /// One of 30 people of a class, a wedding or a staff intake.
    NewCohort = "new_cohort", Benign, 360;
    /// Imports 200 to 2,000 contacts in minutes.
    ContactImporter = "contact_importer", Benign, 120;
    /// Writes to 30 to 150 customers a day.
    SupportWorker = "support_worker", Benign, 120;
    /// Under 10 to 300 false reports within an hour.
    BrigadeVictim = "brigade_victim", Benign, 100;
    /// Likewise, and each author wrote first and was answered.
    LuredBrigadeVictim = "lured_brigade_victim", Benign, 60;
    /// Hours old, 50 to 2,000 first contacts a day.
    BulkBlaster = "bulk_blaster", Abusive, 180;
    /// 5 to 25 first contacts a day in human hours.
    SlowDrip = "slow_drip", Abusive, 170;
    /// One of 30 to 60 accounts of a box of modems.
    SimFarm = "sim_farm", Abusive, 240;
    /// An old account in a thief's hands.
    AccountTakeover = "account_takeover", Abusive, 110;
    /// One of 20 to 500 accounts that write to the same targets.
    LockstepRing = "lockstep_ring", Abusive, 140;
    /// Adds strangers to groups.
    GroupAddSpam = "group_add_spam", Abusive, 50;
    /// Looks numbers up by the thousand.
    Enumeration = "enumeration", Abusive, 40;
    /// Openers that people answer.
    BaitedScam = "baited_scam", Abusive, 50;
    /// A blaster whose accomplices answer it.
    ReplyWashing = "reply_washing", Abusive, 20;
    /// Acts only by reporting others; comes on top of the share of abusive accounts.
    ReportBrigade = "report_brigade", Abusive, 0;
}

impl std::fmt::Display for Persona {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.word())
    }
}

impl Persona {
    /// Whether the persona belongs on the exempt list: one-time-password and alert bots, and only they.
    #[must_use]
    pub const fn is_exempt(self) -> bool {
        matches!(self, Persona::OtpBot | Persona::AlertBot)
    }

    /// Whether its accounts have a place in the contact graph and an ordinary life beside their trade.
    pub(crate) const fn is_social(self) -> bool {
        match self.label() {
            Label::Benign => {
                !matches!(self, Persona::OtpBot | Persona::AlertBot | Persona::BusinessBroadcaster)
            }
            Label::Abusive => matches!(self, Persona::AccountTakeover),
        }
    }
}
