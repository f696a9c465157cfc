"""Every named thing that can go wrong (spec §9), each with a sentence in every language we speak."""

from enum import StrEnum


class Code(StrEnum):
    """An error or notice code, as it stands on the wire and in replies.

    The groups say who finds out; a code never changes its meaning, and a
    reader that does not know one shows `internal`'s sentence.
    """

    # Frames and messages, either leg
    BAD_FRAME = "bad_frame"  # not a JSON object in the header, or no `type`
    FRAME_TOO_LARGE = "frame_too_large"  # refused from the six-byte prefix
    BAD_FIELD = "bad_field"  # a field is missing, of the wrong type or out of range
    UNKNOWN_TYPE = "unknown_type"  # a message type of a later version
    UNSUPPORTED_VERSION = "unsupported_version"  # no common protocol version
    UNEXPECTED = "unexpected"  # a good message at a wrong time
    OUT_OF_ORDER = "out_of_order"  # a gap in the numbers of a conversation
    TIMED_OUT = "timed_out"  # an answer that was due did not come
    INTERNAL = "internal"  # a fault of the program itself

    # Reaching the server
    SERVER_UNREACHABLE = "server_unreachable"
    PROXY_UNREACHABLE = "proxy_unreachable"  # the HTTP proxy that leads out of this network is not there
    PROXY_LOGIN = "proxy_login"  # it wants a name and password, or others than those it was given
    PROXY_REFUSED = "proxy_refused"  # it does not connect to the server, or is no HTTP proxy
    SERVER_NOT_TRUSTED = "server_not_trusted"  # its certificate is not the one pinned or vouched for
    SERVER_URL_INVALID = "server_url_invalid"
    CLOCK_WRONG = "clock_wrong"  # this computer's clock is far from the server's
    SERVER_CLOSING = "server_closing"  # it is being shut down
    SCHEMA_TOO_NEW = "schema_too_new"  # the server's data was written by a later version
    STORAGE_FAILED = "storage_failed"  # a disk is full or broken; nothing was changed
    BUSY = "busy"  # too much to do; ask again after `retry_after`
    TOO_MANY_TRIES = "too_many_tries"  # a rate limit; ask again after `retry_after`
    SETTINGS_RESET = "settings_reset"  # notice: the settings were unreadable; the defaults hold
    MAIL_DELAYED = "mail_delayed"  # notice: the mail server is down, the mail waits

    # Accounts
    BAD_EMAIL = "bad_email"
    BAD_USERNAME = "bad_username"
    BAD_PASSWORD = "bad_password"  # too short, too long or too common
    NOT_ADULT = "not_adult"
    WRONG_CODE = "wrong_code"  # wrong, expired, used up, or for no account
    WRONG_LOG_IN = "wrong_log_in"  # e-mail and password do not belong together
    NOT_ACTIVATED = "not_activated"  # right password, but the mail was not answered yet
    WRONG_PASSWORD = "wrong_password"  # the old password, when changing it
    NOT_LOGGED_IN = "not_logged_in"
    ALREADY_LOGGED_IN = "already_logged_in"
    SESSION_ENDED = "session_ended"  # the stored token is no longer good
    LOGGED_IN_ELSEWHERE = "logged_in_elsewhere"  # a later log-in of this account took over

    # Matching and meeting
    ALREADY_SEEKING = "already_seeking"
    NOT_SEEKING = "not_seeking"
    ALREADY_MATCHED = "already_matched"  # the match came before the cancel
    IN_A_TALK = "in_a_talk"
    NO_SUCH_MATCH = "no_such_match"
    PEER_NO_SHOW = "peer_no_show"  # notice: the other never came; you are first in line
    PEER_CANCELLED = "peer_cancelled"  # notice: the other left before you met; you are first in line
    BAD_CANDIDATE = "bad_candidate"  # an address that no peer may dial was left out
    BAD_TICKET = "bad_ticket"  # the match is not signed by the server, or expired, or not ours
    PEER_NOT_TRUSTED = "peer_not_trusted"  # a stream whose certificate is not the ticket's
    DIRECT_SHOWS_ADDRESSES = "direct_shows_addresses"  # notice, once: peers see each other's address
    FROM_NEXT_TALK = "from_next_talk"  # notice: a setting was changed and holds from the next talk on
    NO_PATH = "no_path"  # neither punch nor relay came through
    RELAY_REFUSED = "relay_refused"
    RELAY_FULL = "relay_full"

    # The talk
    NO_TALK = "no_talk"  # there is no talk to say it in
    WHICH_TALK = "which_talk"  # the command names no talk, and more than one is on
    NOT_GREETED = "not_greeted"  # both must greet before anything else is said
    ALREADY_GREETED = "already_greeted"
    TEXT_EMPTY = "text_empty"
    TEXT_TOO_LONG = "text_too_long"
    OUTBOX_FULL = "outbox_full"  # too much is waiting for the peer already
    NO_SUCH_MESSAGE = "no_such_message"  # nothing that we said has this id
    NOT_DELIVERED = "not_delivered"  # the talk ended, or 20 s passed, without an acknowledgement

    # Files
    NO_SUCH_FILE = "no_such_file"  # the path to send, or the folder to keep it in
    NO_SUCH_TRANSFER = "no_such_transfer"
    TRANSFER_STATE = "transfer_state"  # cannot be done to a transfer in this state
    FILE_TOO_LARGE = "file_too_large"
    FILE_CHANGED = "file_changed"  # it changed on the sender's disk while being sent
    FILE_UNREADABLE = "file_unreadable"
    FILE_DAMAGED = "file_damaged"  # SHA-256 or length differ from what was said
    NOT_WHAT_IT_SAYS = "not_what_it_says"  # offered as an image, but its bytes are no such image
    DISK_FULL = "disk_full"
    NOT_WRITABLE = "not_writable"  # the folder may not be written to
    NOT_KEPT = "not_kept"  # the receiver wanted the file, but its computer could not keep it
    DECLINED = "declined"
    CANCELLED = "cancelled"
    YOU_DECLINED = "you_declined"  # what `declined` is to the one who did it
    YOU_CANCELLED = "you_cancelled"
    TALK_ENDED = "talk_ended"  # the talk ended before the file was there

    # This computer
    DATA_DIR_IN_USE = "data_dir_in_use"  # another client or server works on the same data folder
    DATA_DIR_UNUSABLE = "data_dir_unusable"  # it cannot be made, or not be written to

    # A server in this program
    NO_SERVER_PART = "no_server_part"  # the server's part of the program is not installed

    # The headless lines
    BAD_COMMAND = "bad_command"  # not a JSON object, no such command, or a bad field
    PROGRAM_ENDED = "program_ended"  # the client ended before the command was done
