// Generated from floater/desktop/api.py by `python -m floater.desktop.typescript`. Do not edit.

import type { Empty, FileReply } from "./api.gen";

/** Bytes of one upload; a larger file needs the file dialog. */
export const MAX_UPLOAD = 67108864;

/** Let the person choose files, and offer each. */
export interface PickFilesCommand {
  command: "pick_files";
  talk?: string;
}

/** Offer what was uploaded (pasted or dropped) under this number. */
export interface SendUploadCommand {
  command: "send_upload";
  upload: number;
  talk?: string;
}

/** Let the person choose where to put a copy of a received file. */
export interface SaveCopyCommand {
  command: "save_copy";
  transfer_id: string;
  talk?: string;
}

/** Show a received file in its folder. */
export interface ShowFileCommand {
  command: "show_file";
  transfer_id: string;
  talk?: string;
}

/** Open a web address (http or https only) in the browser. The page has asked first. */
export interface OpenLinkCommand {
  command: "open_link";
  url: string;
}

/** Put the receipt of the talk, as text, into the clipboard. The page cannot put anything else there. */
export interface CopyReceiptCommand {
  command: "copy_receipt";
  talk?: string;
}

/** Let the person choose where to put the receipt of the talk, as text. */
export interface SaveReceiptCommand {
  command: "save_receipt";
  talk?: string;
}

/** Let the person choose the folder for received files. */
export interface ChooseDownloadsCommand {
  command: "choose_downloads";
}

/** Open another window of another person on this computer, to try things out alone. */
export interface SecondWindowCommand {
  command: "second_window";
}

/** Keep what the page needs to be as it is now after it has been loaded again. In memory. */
export interface KeepCommand {
  command: "keep";
  page: string;
}

/** Return what was kept last. */
export interface KeptCommand {
  command: "kept";
}

/** The offers made, in the order of the choice; empty if the person chose no file. */
export interface PickedReply {
  transfer_ids: string[];
  refusals: string[];
}

/** Whether the person chose a place. */
export interface ChosenReply {
  chosen: boolean;
}

/** What the page has kept last; empty at first. */
export interface KeptReply {
  page: string;
}

export type AnyShellCommand =
  | PickFilesCommand
  | SendUploadCommand
  | SaveCopyCommand
  | ShowFileCommand
  | OpenLinkCommand
  | CopyReceiptCommand
  | SaveReceiptCommand
  | ChooseDownloadsCommand
  | SecondWindowCommand
  | KeepCommand
  | KeptCommand;

/** What each command is replied with. */
export interface ShellReplies {
  pick_files: PickedReply;
  send_upload: FileReply;
  save_copy: ChosenReply;
  show_file: Empty;
  open_link: Empty;
  copy_receipt: Empty;
  save_receipt: ChosenReply;
  choose_downloads: ChosenReply;
  second_window: Empty;
  keep: Empty;
  kept: KeptReply;
}
