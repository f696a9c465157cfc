// Generated from floater/api by `python -m floater.bridge.typescript`. Do not edit.

/** An error or notice code, as it stands on the wire and in replies. */
export const CODES = [
  "bad_frame",
  "frame_too_large",
  "bad_field",
  "unknown_type",
  "unsupported_version",
  "unexpected",
  "out_of_order",
  "timed_out",
  "internal",
  "server_unreachable",
  "proxy_unreachable",
  "proxy_login",
  "proxy_refused",
  "server_not_trusted",
  "server_url_invalid",
  "clock_wrong",
  "server_closing",
  "schema_too_new",
  "storage_failed",
  "busy",
  "too_many_tries",
  "settings_reset",
  "mail_delayed",
  "bad_email",
  "bad_username",
  "bad_password",
  "not_adult",
  "wrong_code",
  "wrong_log_in",
  "not_activated",
  "wrong_password",
  "not_logged_in",
  "already_logged_in",
  "session_ended",
  "logged_in_elsewhere",
  "already_seeking",
  "not_seeking",
  "already_matched",
  "in_a_talk",
  "no_such_match",
  "peer_no_show",
  "peer_cancelled",
  "bad_candidate",
  "bad_ticket",
  "peer_not_trusted",
  "direct_shows_addresses",
  "from_next_talk",
  "no_path",
  "relay_refused",
  "relay_full",
  "no_talk",
  "which_talk",
  "not_greeted",
  "already_greeted",
  "text_empty",
  "text_too_long",
  "outbox_full",
  "no_such_message",
  "not_delivered",
  "no_such_file",
  "no_such_transfer",
  "transfer_state",
  "file_too_large",
  "file_changed",
  "file_unreadable",
  "file_damaged",
  "not_what_it_says",
  "disk_full",
  "not_writable",
  "not_kept",
  "declined",
  "cancelled",
  "you_declined",
  "you_cancelled",
  "talk_ended",
  "data_dir_in_use",
  "data_dir_unusable",
  "no_server_part",
  "bad_command",
  "program_ended",
] as const;
export type Code = (typeof CODES)[number];

/** What is tried beyond dialling the peer's candidates. */
export const TECHNIQUES = ["crossing", "prediction", "block_scan", "birthday", "hopeless"] as const;
export type Technique = (typeof TECHNIQUES)[number];

/** The kind of way a talk takes, best first. */
export const PATH_KINDS = ["lan", "direct", "relay"] as const;
export type PathKind = (typeof PATH_KINDS)[number];

/** Why a way leads over the relay. */
export const RELAY_REASONS = ["hidden", "no_places", "unpredictable", "under_way", "failed"] as const;
export type RelayReason = (typeof RELAY_REASONS)[number];

/** Why a talk ended. */
export const ENDED = [
  "you_hung_up",
  "peer_hung_up",
  "peer_lost",
  "peer_misbehaved",
  "logged_in_elsewhere",
  "logged_out",
  "server_closed",
] as const;
export type Ended = (typeof ENDED)[number];

/** Where one talk stands. */
export const STANDINGS = ["apart", "connecting", "greeting", "open", "over"] as const;
export type Standing = (typeof STANDINGS)[number];

/** Where the person stands. Every state has one primary action and one way out. */
export const STATES = ["signed_out", "home", "seeking", "connecting", "greeting", "talking"] as const;
export type State = (typeof STATES)[number];

/** Who a talk is with, and what brought it about. */
export const TALK_KINDS = ["stranger", "lobby", "nearby", "contact", "group"] as const;
export type TalkKind = (typeof TALK_KINDS)[number];

/** How the window may look. */
export const LOOKS = ["auto", "light", "dark", "contrast"] as const;
export type Look = (typeof LOOKS)[number];

/** The languages there are words in. */
export const LANGUAGES = ["zh-CN", "en"] as const;
export type Language = (typeof LANGUAGES)[number];

/** What may be shown as an image. */
export const IMAGE_TYPES = ["image/gif", "image/jpeg", "image/png", "image/webp"] as const;
export type ImageType = (typeof IMAGE_TYPES)[number];

/** Endings of names, in lower case, of files that may run a program when they are opened. */
export const DANGEROUS_ENDINGS = [
  "action",
  "ade",
  "adp",
  "apk",
  "app",
  "appimage",
  "applescript",
  "application",
  "appref-ms",
  "appx",
  "appxbundle",
  "bash",
  "bat",
  "bin",
  "chm",
  "cmd",
  "com",
  "command",
  "cpl",
  "crx",
  "csh",
  "deb",
  "desktop",
  "diagcab",
  "dmg",
  "docm",
  "dotm",
  "exe",
  "fish",
  "flatpakref",
  "gadget",
  "hta",
  "htm",
  "html",
  "img",
  "inf",
  "ins",
  "ipa",
  "iso",
  "isp",
  "jar",
  "jnlp",
  "js",
  "jse",
  "ksh",
  "library-ms",
  "lnk",
  "mdb",
  "mde",
  "mht",
  "mhtml",
  "mobileconfig",
  "mpkg",
  "msc",
  "msi",
  "msix",
  "msixbundle",
  "msp",
  "mst",
  "one",
  "osx",
  "pif",
  "pkg",
  "potm",
  "ppam",
  "ppsm",
  "pptm",
  "ps1",
  "ps1xml",
  "ps2",
  "psc1",
  "psc2",
  "psd1",
  "psm1",
  "py",
  "pyw",
  "rdp",
  "reg",
  "rpm",
  "run",
  "scf",
  "scpt",
  "scr",
  "sct",
  "search-ms",
  "searchconnector-ms",
  "service",
  "settingcontent-ms",
  "sh",
  "shb",
  "shs",
  "shtml",
  "sldm",
  "slk",
  "snap",
  "svg",
  "svgz",
  "terminal",
  "theme",
  "themepack",
  "tool",
  "udf",
  "url",
  "vb",
  "vbe",
  "vbs",
  "vhd",
  "vhdx",
  "webloc",
  "wiz",
  "workflow",
  "ws",
  "wsc",
  "wsf",
  "wsh",
  "xht",
  "xhtml",
  "xlam",
  "xll",
  "xlm",
  "xlsb",
  "xlsm",
  "xltm",
  "xpi",
  "xsl",
  "xslt",
  "zsh",
] as const;
export type DangerousEnding = (typeof DANGEROUS_ENDINGS)[number];

/** UTF-8 bytes of one text. */
export const MAX_TEXT = 65536;

/** Make an account. `adult` states "I am 18 or older". A mail with a code follows. */
export interface SignUpCommand {
  command: "sign_up";
  email: string;
  username: string;
  password: string;
  adult: boolean;
}

/** Enter the six digits of the mail. */
export interface ActivateCommand {
  command: "activate";
  email: string;
  code: string;
}

/** Ask for that mail again. */
export interface ResendCodeCommand {
  command: "resend_code";
  email: string;
}

/** Log in, and stay so until `log_out`, also over restarts. */
export interface LogInCommand {
  command: "log_in";
  email: string;
  password: string;
}

/** End the log-in here; ends a talk too. */
export interface LogOutCommand {
  command: "log_out";
}

/** Ask for a mail with a code to set a new password. */
export interface ForgotPasswordCommand {
  command: "forgot_password";
  email: string;
}

/** Set a new password by that code. */
export interface ResetPasswordCommand {
  command: "reset_password";
  email: string;
  code: string;
  password: string;
}

/** Change the name that strangers see, from the next talk on. */
export interface SetUsernameCommand {
  command: "set_username";
  username: string;
}

/** Change the password. */
export interface ChangePasswordCommand {
  command: "change_password";
  old: string;
  new: string;
}

/** Say goodbye and exit. The log-in is kept for the next start. */
export interface QuitCommand {
  command: "quit";
}

/** Press 聊一聊. */
export interface SeekCommand {
  command: "seek";
}

/** Stop seeking. */
export interface CancelSeekCommand {
  command: "cancel_seek";
}

/** Say 你好, or the greeting of that language; of our own language if none is given. */
export interface GreetCommand {
  command: "greet";
  language?: string;
  talk?: string;
}

/** Say something. At most 65,536 bytes of UTF-8. */
export interface SendTextCommand {
  command: "send_text";
  text: string;
  talk?: string;
}

/** Try again, now, to bring what is not delivered to the peer. */
export interface RetryCommand {
  command: "retry";
  message_id: string;
  talk?: string;
}

/** Tell the peer whether we are writing; goes stale after 6 s. */
export interface TypingCommand {
  command: "typing";
  typing: boolean;
  talk?: string;
}

/** Offer a file. An image is a file whose type is an image; the type is read from its bytes. */
export interface SendFileCommand {
  command: "send_file";
  path: string;
  talk?: string;
}

/** Have an offered file. `to` is the folder to keep it in, the downloads folder if empty. */
export interface AcceptCommand {
  command: "accept";
  transfer_id: string;
  to?: string;
  talk?: string;
}

/** Refuse an offered file. */
export interface DeclineCommand {
  command: "decline";
  transfer_id: string;
  talk?: string;
}

/** Let a transfer rest, either side. */
export interface PauseCommand {
  command: "pause";
  transfer_id: string;
  talk?: string;
}

/** Go on with it. */
export interface ResumeCommand {
  command: "resume";
  transfer_id: string;
  talk?: string;
}

/** Give a transfer up, either side. */
export interface CancelCommand {
  command: "cancel";
  transfer_id: string;
  talk?: string;
}

/** End the talk for both. */
export interface HangUpCommand {
  command: "hang_up";
  talk?: string;
}

/** Change settings; a field left out stays as it is. */
export interface SetCommand {
  command: "set";
  hide_address?: boolean | null;
  map_port?: boolean | null;
  language?: string | null;
  downloads?: string | null;
  appearance?: string | null;
  address_asked?: boolean | null;
}

/** Use another server from now on. It is tried first; if it cannot be had, all stays as it was. */
export interface UseServerCommand {
  command: "use_server";
  url: string;
}

/** Run a server on this computer, for the people around, and use it. It ends with the program. */
export interface HostHereCommand {
  command: "host_here";
}

/** Practise with a scripted partner, on a server in this program that only this computer can reach. */
export interface PractiseCommand {
  command: "practise";
}

/** Where things stand: enough to draw the whole screen after a reload. */
export interface StatusCommand {
  command: "status";
}

/** List the talks. */
export interface TalksCommand {
  command: "talks";
}

/** Count everything that the peer said and offered, up to this message or offer, as read. */
export interface MarkReadCommand {
  command: "mark_read";
  message_id: string;
  talk?: string;
}

/** What has happened in the talk since `matched`, for a face that has just come. */
export interface HistoryCommand {
  command: "history";
  talk?: string;
}

/** Say what the network allows. Takes up to 5 s. */
export interface NetworkCommand {
  command: "network";
}

/** Say how the talk, or the last one, is connected, why so, and what would make it direct. */
export interface GetReceiptCommand {
  command: "receipt";
  talk?: string;
}

/** Done. */
export interface Empty {
}

/** Done, with something to know: a code and its sentence. */
export interface Noticed {
  notice?: string;
  message?: string;
}

/** Logged in under this name. */
export interface LoggedInReply {
  username: string;
}

/** The text is on its way. */
export interface TextReply {
  message_id: string;
}

/** The offer is on its way. */
export interface FileReply {
  transfer_id: string;
}

/** Where things stand. */
export interface StatusReply {
  state: State;
  username: string | null;
  path: PathKind | null;
  online: boolean;
  server: string;
  settings: Settings;
  version: string;
  practising: boolean;
  talks: TalkInfo[];
  n: number;
}

/** The settings of this computer. */
export interface Settings {
  hide_address: boolean;
  language: string;
  downloads: string;
  appearance: string;
  address_asked: boolean;
  map_port: boolean;
}

/** One talk, as much as a list of talks shows. */
export interface TalkInfo {
  talk: string;
  kind: TalkKind;
  name: string;
  standing: Standing;
  unread: number;
  path: PathKind | null;
  greeted: boolean;
  peer_greeted: boolean;
  mixed: boolean;
}

/** All talks, the stranger's first. */
export interface TalksReply {
  talks: TalkInfo[];
}

/** What the network allows. */
export interface NetworkReply {
  nat: string;
  filtering: string;
  allocation: string;
  stray: string;
  public: string[];
  private: string[];
  reachability: string;
  words: string[];
  server_ms: number | null;
  mapped: string[];
}

/** How the talk is connected, without an address, a name or a word of it. */
export interface ReceiptReply {
  path: PathKind | null;
  how: string;
  rtt_ms: number | null;
  over: boolean;
  matched_ms: number | null;
  stood_ms: number | null;
  proved_ms: number | null;
  greeted_ms: number | null;
  changes: PathChange[];
  receipt: Receipt | null;
  words: string[];
  text: string;
}

/** A way that was taken, or None while nothing came through. Milliseconds from the press of 聊一聊. */
export interface PathChange {
  at_ms: number;
  kind: PathKind | null;
  how: string;
}

/** How a way came about, without an address. Times are milliseconds from `matched`. */
export interface Receipt {
  stood_ms: number;
  proved_ms: number;
  technique: string;
  syns: number;
  our_nat?: NatWords | null;
  peer_nat?: NatWords | null;
  why_relay?: RelayReason | null;
}

/** What is known of a NAT, in the words of spec §4.5. */
export interface NatWords {
  mapping: string;
  filtering: string;
  allocation: string;
  stray: string;
}

/** The events of the talk, oldest first; of a transfer's progress only the newest. Empty outside. */
export interface HistoryReply {
  events: Recorded[];
  n: number;
  earlier: number;
}

/** An event and when it happened: UTC milliseconds since 1970. */
export interface Recorded {
  at: number;
  happened: AnyEvent;
}

/** The client has started; `state` follows at once. */
export interface ReadyEvent {
  event: "ready";
  version: string;
  n: number;
}

/** The person now stands here. */
export interface StateChangedEvent {
  event: "state";
  state: State;
  n: number;
}

/** Whether the server is reached; `error` says why not, `retry_s` when we try again. */
export interface OnlineEvent {
  event: "online";
  online: boolean;
  error: Error | null;
  retry_s: number | null;
  n: number;
}

/** A code of spec §9 and its sentence in the person's language. */
export interface Error {
  code: string;
  message: string;
}

/** Another server is used from now on; `practising` is whether it is that of a practice. Empty: none. */
export interface ServerChangedEvent {
  event: "server";
  server: string;
  practising: boolean;
  n: number;
}

/** A talk is there, or its name or standing has changed. */
export interface TalkChangedEvent {
  event: "talk";
  kind: TalkKind;
  name: string;
  standing: Standing;
  mixed: boolean;
  n: number;
  talk: string;
}

/** A stranger was found. */
export interface MatchedEvent {
  event: "matched";
  match_id: string;
  peer: PeerName;
  n: number;
  talk: string;
}

/** What we know of the stranger. */
export interface PeerName {
  username: string;
  mixed?: boolean;
}

/** The kinds of path that are tried now, all at once, while no link is up; `technique` as in `Receipt`. */
export interface TryingEvent {
  event: "trying";
  kinds: PathKind[];
  technique: string;
  n: number;
  talk: string;
}

/** The way the talk now takes. `how` is what found it; `took_ms` counts from `matched`. */
export interface PathEvent {
  event: "path";
  kind: PathKind;
  took_ms: number;
  rtt_ms: number | null;
  how: string;
  receipt: Receipt | null;
  n: number;
  talk: string;
}

/** What is known of the way in use, as in `path`, is another now: direct ways are being tried, or were. */
export interface ReceiptChangedEvent {
  event: "receipt";
  receipt: Receipt;
  n: number;
  talk: string;
}

/** We have said this greeting. */
export interface GreetedEvent {
  event: "greeted";
  language: string;
  greeting: string;
  n: number;
  talk: string;
}

/** The peer has said this greeting. */
export interface PeerGreetedEvent {
  event: "peer_greeted";
  language: string;
  greeting: string;
  n: number;
  talk: string;
}

/** We have said something; it is on its way. */
export interface SaidEvent {
  event: "said";
  message_id: string;
  text: string;
  n: number;
  talk: string;
}

/** The peer has said something. */
export interface TextReceivedEvent {
  event: "text";
  message_id: string;
  text: string;
  n: number;
  talk: string;
}

/** The peer has our text. */
export interface DeliveredEvent {
  event: "delivered";
  message_id: string;
  n: number;
  talk: string;
}

/** No acknowledgement of our text has come. While the talk goes on, `retry` may still bring it there. */
export interface UndeliveredEvent {
  event: "undelivered";
  message_id: string;
  error: Error;
  n: number;
  talk: string;
}

/** Whether the peer is writing. */
export interface PeerTypingEvent {
  event: "peer_typing";
  typing: boolean;
  n: number;
  talk: string;
}

/** The peer offers a file. Nothing of it is sent before `accept`. */
export interface OfferEvent {
  event: "offer";
  transfer_id: string;
  name: string;
  content_type: string;
  size: number;
  preview: Preview | null;
  n: number;
  talk: string;
}

/** A tiny picture: width × height sRGB pixels, 3 bytes each, base64. */
export interface Preview {
  width: number;
  height: number;
  pixels: string;
}

/** We have offered a file. */
export interface OfferedEvent {
  event: "offered";
  transfer_id: string;
  name: string;
  content_type: string;
  size: number;
  preview: Preview | null;
  n: number;
  talk: string;
}

/** How far a transfer is. */
export interface ProgressEvent {
  event: "progress";
  transfer_id: string;
  bytes: number;
  size: number;
  n: number;
  talk: string;
}

/** The peer wants our file. */
export interface AcceptedEvent {
  event: "accepted";
  transfer_id: string;
  n: number;
  talk: string;
}

/** Who lets the transfer rest now; neither means it goes on. */
export interface PausedEvent {
  event: "paused";
  transfer_id: string;
  by_you: boolean;
  by_peer: boolean;
  n: number;
  talk: string;
}

/** The file is whole, verified and on disk. */
export interface ReceivedEvent {
  event: "received";
  transfer_id: string;
  path: string;
  digest: string;
  n: number;
  talk: string;
}

/** The peer has our file, whole and verified. */
export interface SentEvent {
  event: "sent";
  transfer_id: string;
  n: number;
  talk: string;
}

/** A transfer is over without success. */
export interface FailedEvent {
  event: "failed";
  transfer_id: string;
  error: Error;
  n: number;
  talk: string;
}

/** Nothing comes through; we wait and try again. `grace_s` is how long. */
export interface PeerAwayEvent {
  event: "peer_away";
  grace_s: number;
  n: number;
  talk: string;
}

/** It comes through again. */
export interface PeerBackEvent {
  event: "peer_back";
  n: number;
  talk: string;
}

/** The talk is over; what was open in it has been told. Only `talk` with standing `over` follows. */
export interface TalkEndedEvent {
  event: "ended";
  reason: Ended;
  lasted_s: number;
  n: number;
  talk: string;
}

/** A mail of a server on this computer that has no mail server, for the address just typed. */
export interface MailedEvent {
  event: "mailed";
  to: string;
  subject: string;
  code: string;
  text: string;
  n: number;
}

/** Something to know. */
export interface NoticeEvent {
  event: "notice";
  code: string;
  message: string;
  n: number;
}

/** The server that is used now. */
export interface ServerReply {
  server: string;
}

/** The server that runs here: its address, and the same as a QR code in an SVG picture. */
export interface HostReply {
  server: string;
  qr: string;
  outbox: string;
}

export type AnyEvent =
  | ReadyEvent
  | StateChangedEvent
  | OnlineEvent
  | ServerChangedEvent
  | TalkChangedEvent
  | MatchedEvent
  | TryingEvent
  | PathEvent
  | ReceiptChangedEvent
  | GreetedEvent
  | PeerGreetedEvent
  | SaidEvent
  | TextReceivedEvent
  | DeliveredEvent
  | UndeliveredEvent
  | PeerTypingEvent
  | OfferEvent
  | OfferedEvent
  | ProgressEvent
  | AcceptedEvent
  | PausedEvent
  | ReceivedEvent
  | SentEvent
  | FailedEvent
  | PeerAwayEvent
  | PeerBackEvent
  | TalkEndedEvent
  | MailedEvent
  | NoticeEvent;

export type AnyCommand =
  | SignUpCommand
  | ActivateCommand
  | ResendCodeCommand
  | LogInCommand
  | LogOutCommand
  | ForgotPasswordCommand
  | ResetPasswordCommand
  | SetUsernameCommand
  | ChangePasswordCommand
  | QuitCommand
  | SeekCommand
  | CancelSeekCommand
  | GreetCommand
  | SendTextCommand
  | RetryCommand
  | TypingCommand
  | SendFileCommand
  | AcceptCommand
  | DeclineCommand
  | PauseCommand
  | ResumeCommand
  | CancelCommand
  | HangUpCommand
  | SetCommand
  | UseServerCommand
  | HostHereCommand
  | PractiseCommand
  | StatusCommand
  | TalksCommand
  | MarkReadCommand
  | HistoryCommand
  | NetworkCommand
  | GetReceiptCommand;

/** What each command is replied with. */
export interface Replies {
  sign_up: Noticed;
  activate: Empty;
  resend_code: Noticed;
  log_in: LoggedInReply;
  log_out: Empty;
  forgot_password: Noticed;
  reset_password: Empty;
  set_username: LoggedInReply;
  change_password: Empty;
  quit: Empty;
  seek: Empty;
  cancel_seek: Empty;
  greet: Empty;
  send_text: TextReply;
  retry: Empty;
  typing: Empty;
  send_file: FileReply;
  accept: Empty;
  decline: Empty;
  pause: Empty;
  resume: Empty;
  cancel: Empty;
  hang_up: Empty;
  set: Empty;
  use_server: ServerReply;
  host_here: HostReply;
  practise: Empty;
  status: StatusReply;
  talks: TalksReply;
  mark_read: Empty;
  history: HistoryReply;
  network: NetworkReply;
  receipt: ReceiptReply;
}
