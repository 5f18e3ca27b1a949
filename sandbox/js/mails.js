// `$mails` and MailerMessage. The server has no mail service so far: messages can be made, and nothing sends them.

const { string, list, struct, map } = P.kinds;

const Address = P.struct({ name: string, address: string });

const MailerMessage = P.struct({
    from: struct(Address),
    to: list(Address),
    bcc: list(Address),
    cc: list(Address),
    subject: string,
    html: string,
    text: string,
    headers: map,
    attachments: map,
    inlineAttachments: map,
});
P.global("MailerMessage", MailerMessage);

G.$mails = {};
for (const name of [
    "sendRecordPasswordReset", "sendRecordVerification", "sendRecordChangeEmail", "sendRecordOTP", "sendRecordAuthAlert",
]) {
    G.$mails[name] = () => { throw P.lacking(`$mails.${name}`, "mail"); };
}
