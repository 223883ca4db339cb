"""The same few sentences in other languages: a noun and what is said of it, in either order.

Built from two lists for each sentence, because a rule for each sentence of each server would only know the sentences
that somebody has seen. Nouns and verbs of different languages do not meet in one reply, so the lists are common.
"""

from channels.email.reasons import Reason

_NOUNS = (
    r"(?:e-?mail-?adresse?|benutzer|nutzer|anwender|empf(?:ä|ae|a)nger|teilnehmer|postfach|konto|kontakt|mailbox|adresse"
    r"|utilisateur|destinataire|bo[iî]te|compte"
    r"|usuari[oa]|destinatari[oa]|buz[oó]n|cuenta|direcci[oó]n|casilla"
    r"|usu[aá]ri[oa]|destinat[aá]ri[oa]|caixa|conta\b|endere[cç]o"
    r"|utente|indirizzo|casella"
    r"|gebruiker|ontvanger|geadresseerde|postvak|postbus|e-?mailadres|\badres\b"
    r"|u[zż]ytkowni|adresat|odbiorc|skrzynk"
    r"|mottagar|anv[aä]ndar|bruker|modtager|mottaker|postkasse|\badress\b|brevl[aå]da"
    r"|u[zž]ivatel|p[rř][ií]jemce|schr[aá]nk|felhaszn[aá]l[oó]|c[ií]mzett|kullan[iı]c[iı]|al[iı]c[iı]|k[aä]ytt[aä]j"
    r"|vastaanottaj|utilizator|destinatar"
    r"|пользовател|получател|адресат|ящик|адрес|аккаунт|абонент|користувач|отримувач|скриньк"
    r"|收件人|用户|用戶|使用者|邮箱|郵箱|信箱|邮件地址|郵件地址|帐号|账号|账户|帳號|帳戶|地址"
    r"|宛先|あて先|アドレス|ユーザ|メールボックス|受信者|アカウント|사용자|수신자|수신인|계정|메일함|주소)"
)
_ABSENT = (
    r"(?:unbekannt|nicht bekannt|existier(?:t|en) .{0,12}nicht|nicht existier|nicht gefunden|nicht vorhanden"
    r"|nicht auffindbar|ung[üu]e?ltig|gibt es .{0,12}nicht|kein(?:e|en)? (?:solche[rn]?|g[üu]e?ltige[rn]?)"
    r"|inconnue?s?\b|introuvable|inexistante?s?\b|n.?(?:existe|est) (?:pas|plus)|n.a (?:pas|plus) [ée]t[ée] trouv"
    r"|invalide|non valide|desconocid|no existe|inexistente|no (?:se |fue |ha sido |se ha )?(?:pudo )?encontrad"
    r"|no encontr|no v[aá]lid|inv[aá]lid|desconhecid|n[aã]o (?:existe|v[aá]lid|foi (?:possível )?(?:encontra|localiza))"
    r"|n[aã]o (?:encontrad|localizad)|sconosciut|inesistente|non (?:esiste|[eè] (?:stat[oa] )?(?:trovat|valid|present))"
    r"|non (?:trovat|valid)|onbekend|bestaat (?:\w+ )?niet|niet (?:gevonden|bekend|geldig|bestaan)|ongeldig"
    r"|nie (?:istniej|znalezion|ma (?:takiego|takiej))|nieznan|nieprawid[lł]ow|ok[aä]nd|finns (?:inte|ej)"
    r"|hittades inte|finnes ikke|ikke funnet|ukjent|findes ikke|ukendt|ikke fundet|ugyldig|ogiltig"
    r"|neexistuj|nezn[aá]m|nebyl[ao]? nalezen|nenalezen|nem (?:l[eé]tezik|tal[aá]lhat)|ismeretlen"
    r"|bulunamad|mevcut de[gğ]il|ge[cç]ersiz|bilinmeyen|tuntematon|ei (?:l[oö]ydy|ole olemassa)|inexistent|necunoscut"
    r"|не (?:был[ао]? )?(?:найден|существу|зарегистрирован|обнаружен)|неизвест|нет такого|несуществу"
    r"|не (?:знайден|існу)|невідом|不存在|查无|查無|无此|無此|找不到|未找到|没有找到|沒有找到|无效|無效|不正确"
    r"|存在し(?:ません|ない|ておりません)|存在せず|見つかりません|見つけられ|みつかりません|不明|ありません|無効"
    r"|존재하지|없습니다|찾을 수 없|알 수 없|잘못된)"
)
_SENDERS = (
    r"(?:absender|versender|exp[eé]diteur|[eé]metteur|remitente|remetente|mittente|afzender|nadawc|avs[aä]ndar|avsender"
    r"|afsender|odes[ií]latel|felad[oó]|g[oö]nderen|g[oö]nderici|l[aä]hett[aä]j|отправител|відправник|发件人|發件人"
    r"|寄件者|寄件人|发送者|送信者|差出人|送信元|보낸 사람|발신자|발송인)"
)
_REFUSED = (
    r"(?:abgelehnt|abgewiesen|zur[üu]e?ckgewiesen|gesperrt|unbekannt|ung[üu]e?ltig"
    r"|nicht (?:erlaubt|berechtigt|gefunden)"
    r"|refus[eé]|rejet[eé]|bloqu|invalide|inconnu|non autoris"
    r"|rechazad|no (?:autorizad|v[aá]lid|existe)|inv[aá]lid|rejeitad|recusad|n[aã]o (?:autorizad|existe)"
    r"|rifiutat|non (?:autorizzat|valid|esiste)|geweigerd|niet toegestaan|odrzucon"
    r"|nieznan|nekad|avvis|odm[ií]tnut|reddedil|отклон|запрещ|заблокир"
    r"|не (?:найден|существу|принят)|неизвест"
    r"|拒绝|拒絕|被拒|不存在|无效|拒否|受け付け|存在し|認証|거부|차단)"
)
_FULL = (
    r"(?:\bvoll\b|[üu]e?berf[üu]e?llt|[üu]e?berschritten|ersch[oö]e?pft|\bpleine?s?\b|satur[eé]e?|d[eé]pass[eé]"
    r"|\bllen[oa]\b|excedid[oa]|ha superado|sin espacio|\bchei[oa]\b|lotad[oa]|ultrapass"
    r"|\bpien[oa]\b|esaurit|superat[oa]|\bvol\b|overschreden|przepe[lł]nion|\bpe[lł]n[aey]\b|przekroczon|\bfullt?\b|\bfuld\b|\bfylld|p[rř]epln[eě]n"
    r"|\bpln[aá]\b|megtelt|betelt|\bdolu\b|doldu|t[aä]ynn[aä]|переполнен|превы(?:ш|сил)|заполнен"
    r"|已满|已滿|空间不足|空間不足|超出|超过|超過|いっぱい|満杯|一杯|不足し|오버|초과|가득)"
)
_ROOM = (
    rf"(?:{_NOUNS}|speicher[a-zäöü]{0, 20}|kontingent|quota|espace|espacio|almacenamiento|cuota"
    r"|cota\b|spazio|spa[cç]o|armazenamento|opslag|ruimte|miejsc|limit|utrymme|plass|plads|kapacit|tárhely|kota\b|depolama|tila\b|квот|место|лимит|容量|空间"
    r"|空間|저장|용량)"
)
_LOCKED = (
    r"(?:gesperrt|deaktiviert|stillgelegt|eingefroren|inaktiv|bloqu[eé]|suspendu|d[eé]sactiv|inactif|bloquead|suspendid"
    r"|desactivad|inactiv[oa]|desativad|inativ[oa]|sospes[oa]|disattivat|bloccat|geblokkeerd|gedeactiveerd|uitgeschakeld"
    r"|zablokowan|zawieszon|nieaktywn|sp[aä]rrad|inaktiverad|sperret|deaktiveret|zablokov|deaktivov|felf[uü]ggeszt"
    r"|ask[iı]ya al[iı]n|devre d[iı][sş][iı]|заблокирован|отключ[её]н|приостановлен|деактивирован|停用|冻结|凍結|禁用"
    r"|暂停|停止|無効化|凍結|정지|비활성|휴면)"
)


def _either(first: str, second: str, gap: int) -> str:
    return f"{first}.{{0,{gap}}}{second}\n{second}.{{0,{gap}}}{first}"


# Sentences about the sender, which would read like those about the recipient.
SENDERS: tuple[tuple[Reason, str], ...] = ((Reason.REJECTED, _either(_SENDERS, _REFUSED, 40)),)
MAILBOX: tuple[tuple[Reason, str], ...] = (
    (Reason.MAILBOX_FULL, _either(_ROOM, _FULL, 40)),
    (Reason.SUSPEND, _either(_NOUNS, _LOCKED, 40)),
)
# fmt: off
NETWORK: tuple[tuple[Reason, str], ...] = (
    (Reason.SPAM_DETECTED, r"""
        unerw[üu]e?nscht
        ind[eé]sirable
        correo (?:basura|no deseado)
        lixo eletr[oô]nico
        posta indesiderata
        ongewenst
        спам
        垃圾
        迷惑
        スパム
        스팸
    """),
    (Reason.HOST_UNKNOWN, r"""
        (?:domain|domäne) .{0,30}(?:unbekannt|existiert nicht|nicht gefunden)
        domaine .{0,30}(?:inconnu|introuvable)
        (?:domaine|dominio|dom[ií]nio).{0,30}(?:inexist|n.existe pas|no existe|n[aã]o existe|non esiste)
        (?:domein|домен|域名|ドメイン|도메인).{0,30}(?:bestaat niet|onbekend|не (?:найден|существу)|不存在)
        (?:ドメイン|도메인|ホスト).{0,30}(?:存在し|見つかり|존재하지|없습니다)
    """),
)
# fmt: on
ADDRESS: tuple[tuple[Reason, str], ...] = ((Reason.USER_UNKNOWN, _either(_NOUNS, _ABSENT, 40)),)
