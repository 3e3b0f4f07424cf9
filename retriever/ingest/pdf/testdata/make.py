#!/usr/bin/env python3
"""Writes the PDF files of this folder, each with another program.

    python3 make.py OUT [NAME...]

Programs that are not there are skipped. Debian has most of them: chromium enscript fop
ghostscript groff img2pdf imagemagick libreoffice-writer-nogui mupdf-tools pandoc python3-cairo
qpdf texlive-latex-base texlive-luatex texlive-xetex wkhtmltopdf cups-filters.
PyPI has reportlab, fpdf2, weasyprint, typst, matplotlib and borb; npm pdfkit, jspdf, pdf-lib and pdfmake.
"""
import html, json, os, shutil, subprocess, sys, tempfile

TITLE = "Operating the Merrow pump"
HEADER = "Merrow pump manual"
PAGES = [
    ("Safety", [
        "The Merrow pump lifts water from wells that are up to sixty metres deep. It was designed for farms and mountain huts, where nobody is at hand who understands thermostatically controlled electrohydraulic equipment.",
        "To stop the machine, press the red button beside the inlet. The machine comes to rest within four seconds, and the green lamp goes out.",
        "Never open the pressure chamber while the gauge shows more than 0.2 bar.",
    ]),
    ("Operation", [
        "Prime the pump before the first start, since a dry impeller overheats within two minutes. Fill the suction line with about three litres of clean water, close the bleed screw counterclockwise and wait until no more bubbles appear.",
        "The controller restarts the motor automatically after a power failure. An interruption of more than ninety minutes counts as a shutdown, and the motor remains disconnected until somebody confirms the restart.",
    ]),
    ("Maintenance", [
        "Replace the filter cartridge every ninety days, or sooner if the pressure falls below 1.8 bar.",
        "Spare parts are available for fifteen years after the purchase. Send the serial number, which is engraved underneath the connection box, together with a description of the fault.",
    ]),
]

out = None
tools = {}

def maker(f):
    tools[f.__name__] = f
    return f

def run(*cmd, cwd=None, stdin=None, stdout=None):
    subprocess.run(cmd, cwd=cwd, input=stdin, stdout=stdout or subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=300)

def page_html(css=""):
    body = ""
    for i, (head, paras) in enumerate(PAGES):
        brk = ' style="page-break-before: always"' if i else ""
        body += f"<h2{brk}>{head}</h2>" + "".join(f"<p>{html.escape(p)}</p>" for p in paras)
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{TITLE}</title><style>
@page {{ size: 105mm 148mm; margin: 20mm 14mm; @top-center {{ content: "{HEADER}"; font-size: 8pt }} @bottom-center {{ content: "Page " counter(page) " of " counter(pages); font-size: 8pt }} }}
body {{ font: 10pt "DejaVu Serif", serif; text-align: justify; hyphens: auto }} {css}
</style></head><body><h1>{TITLE}</h1>{body}</body></html>"""

def write(name, text):
    with open(name, "w", encoding="utf-8") as f:
        f.write(text)

@maker
def chromium(pdf, tmp):
    write(f"{tmp}/a.html", page_html())
    run("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", f"--print-to-pdf={pdf}", f"{tmp}/a.html")

@maker
def wkhtmltopdf(pdf, tmp):
    write(f"{tmp}/a.html", page_html())
    run("wkhtmltopdf", "--page-width", "105mm", "--page-height", "148mm", "--header-center", HEADER, "--footer-center", "Page [page] of [topage]",
        "--margin-top", "20mm", "--margin-bottom", "20mm", "--header-spacing", "5", f"{tmp}/a.html", pdf)

@maker
def weasyprint(pdf, tmp):
    import weasyprint as w
    w.HTML(string=page_html("h1 { font-size: 15pt }")).write_pdf(pdf)

@maker
def libreoffice(pdf, tmp):
    p = lambda style, text: f'<text:p text:style-name="{style}">{html.escape(text)}</text:p>'
    body = p("Title", TITLE)
    for i, (head, paras) in enumerate(PAGES):
        body += p("Break" if i else "Head", head) + "".join(p("Body", x) for x in paras)
    write(f"{tmp}/a.fodt", f"""<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"
 office:version="1.2" office:mimetype="application/vnd.oasis.opendocument.text">
<office:styles><style:default-style style:family="paragraph"><style:text-properties fo:language="en" fo:country="US" fo:font-size="10pt"/></style:default-style></office:styles>
<office:automatic-styles>
<style:style style:name="Head" style:family="paragraph"><style:text-properties fo:font-weight="bold" fo:font-size="13pt"/></style:style>
<style:style style:name="Break" style:family="paragraph"><style:paragraph-properties fo:break-before="page"/><style:text-properties fo:font-weight="bold" fo:font-size="13pt"/></style:style>
<style:style style:name="Title" style:family="paragraph"><style:text-properties fo:font-weight="bold" fo:font-size="18pt"/></style:style>
<style:style style:name="Body" style:family="paragraph"><style:paragraph-properties fo:text-align="justify" fo:margin-bottom="0.2cm"/><style:text-properties fo:hyphenate="true"/></style:style>
<style:page-layout style:name="L"><style:page-layout-properties fo:page-width="10.5cm" fo:page-height="14.8cm" fo:margin="1.2cm"/>
<style:header-style><style:header-footer-properties fo:min-height="0.8cm" fo:margin-bottom="0.4cm"/></style:header-style>
<style:footer-style><style:header-footer-properties fo:min-height="0.8cm" fo:margin-top="0.4cm"/></style:footer-style></style:page-layout>
</office:automatic-styles>
<office:master-styles><style:master-page style:name="Standard" style:page-layout-name="L">
<style:header><text:p>{HEADER}</text:p></style:header><style:footer><text:p>Page <text:page-number/> of <text:page-count/></text:p></style:footer>
</style:master-page></office:master-styles>
<office:body><office:text>{body}</office:text></office:body></office:document>""")
    run("soffice", f"-env:UserInstallation=file://{tmp}/profile", "--headless", "--convert-to", "pdf", "--outdir", tmp, f"{tmp}/a.fodt")
    shutil.move(f"{tmp}/a.pdf", pdf)

def tex(engine, pdf, tmp, columns=False):
    font = "\\usepackage[T1]{fontenc}\\usepackage{lmodern}" if columns else ""
    body = ""
    for i, (head, paras) in enumerate(PAGES):
        body += ("\\newpage" if i and not columns else "") + f"\\section*{{{head}}}" + "\n\n".join(paras) + "\n\n"
    if columns:
        body *= 2
    cls = "twocolumn,10pt" if columns else "10pt"
    size = "a5paper,margin=12mm" if columns else "paperwidth=105mm,paperheight=148mm,margin=16mm"
    write(f"{tmp}/a.tex", f"""\\documentclass[{cls}]{{article}}{font}
\\usepackage[{size},headheight=12pt,headsep=5mm,includehead,includefoot]{{geometry}}
\\usepackage{{fancyhdr}}\\pagestyle{{fancy}}\\fancyhf{{}}\\fancyhead[L]{{{HEADER}}}\\fancyfoot[C]{{\\thepage}}
\\begin{{document}}\\textbf{{\\Large {TITLE}}}
{body}\\end{{document}}""")
    run(engine, "-interaction=batchmode", "a.tex", cwd=tmp)
    shutil.move(f"{tmp}/a.pdf", pdf)

@maker
def pdflatex(pdf, tmp): tex("pdflatex", pdf, tmp)
@maker
def xelatex(pdf, tmp): tex("xelatex", pdf, tmp)
@maker
def lualatex(pdf, tmp): tex("lualatex", pdf, tmp)
@maker
def columns(pdf, tmp): tex("pdflatex", pdf, tmp, columns=True)

def roff():
    s = ".pl 14.8c\n.ll 7.7c\n.po 1.4c\n.nr PS 10\n.hy 4\n.de HD\n'sp 1c\n'tl '" + HEADER + "'''\n'sp 0.6c\n..\n.de FO\n'sp 0.4c\n'tl ''- % -''\n'bp\n..\n.wh 0 HD\n.wh -2.2c FO\n.ps 10\n.vs 12\n"
    s += f".sp\n.ps 14\n{TITLE}\n.ps 10\n.sp\n"
    for i, (head, paras) in enumerate(PAGES):
        s += (".bp\n" if i else "") + f".ft B\n{head}\n.ft R\n.sp\n" + "".join(p.replace(". ", ".\n") + "\n.sp\n" for p in paras)
    return s

@maker
def groff(pdf, tmp):
    with open(pdf, "wb") as f:
        run("groff", "-Tpdf", "-P-p14.8c,10.5c", stdin=roff().encode(), stdout=f)

@maker
def ghostscript(pdf, tmp):
    with open(f"{tmp}/a.ps", "wb") as f:
        run("groff", "-Tps", "-P-p14.8c,10.5c", stdin=roff().encode(), stdout=f)
    run("gs", "-q", "-dNOPAUSE", "-dBATCH", "-sDEVICE=pdfwrite", "-dDEVICEWIDTHPOINTS=298", "-dDEVICEHEIGHTPOINTS=420", "-dFIXEDMEDIA", f"-sOutputFile={pdf}", f"{tmp}/a.ps")

def plain(width=60):
    import textwrap
    pages = []
    for head, paras in PAGES:
        pages.append(head + "\n\n" + "\n\n".join(textwrap.fill(p, width) for p in paras) + "\n")
    return TITLE + "\n\n" + "\f".join(pages)

@maker
def enscript(pdf, tmp):
    write(f"{tmp}/a.txt", plain())
    run("enscript", "-q", f"--header={HEADER}||Page $% of $=", "-M", "A5", "-fCourier9", "-p", f"{tmp}/a.ps", f"{tmp}/a.txt")
    run("ps2pdf", f"{tmp}/a.ps", pdf)

@maker
def cups(pdf, tmp):
    write(f"{tmp}/a.txt", plain())
    with open(pdf, "wb") as f:
        run("/usr/lib/cups/filter/texttopdf", "1", "u", "t", "1", "media=A5", f"{tmp}/a.txt", stdout=f)

@maker
def pandoc(pdf, tmp):
    md = f"# {TITLE}\n\n" + "\n\n".join(f"## {h}\n\n" + "\n\n".join(ps) for h, ps in PAGES) + "\n\n- first item of a list\n- second item of a list\n"
    run("pandoc", "-f", "markdown", "-t", "ms", "-s", "-o", f"{tmp}/a.ms", "-", stdin=md.encode())
    with open(f"{tmp}/a.ms", "rb") as f, open(pdf, "wb") as g:
        run("groff", "-ms", "-Kutf8", "-Tpdf", stdin=f.read(), stdout=g)

@maker
def fop(pdf, tmp):
    body = f'<fo:block font-size="15pt">{TITLE}</fo:block>'
    for i, (head, paras) in enumerate(PAGES):
        brk = ' break-before="page"' if i else ""
        body += f'<fo:block font-size="12pt" font-weight="bold"{brk}>{head}</fo:block>' + "".join(f'<fo:block space-after="2mm" text-align="justify">{html.escape(p)}</fo:block>' for p in paras)
    write(f"{tmp}/a.fo", f"""<fo:root xmlns:fo="http://www.w3.org/1999/XSL/Format"><fo:layout-master-set>
<fo:simple-page-master master-name="p" page-width="105mm" page-height="148mm" margin="10mm"><fo:region-body margin="12mm 4mm"/><fo:region-before extent="8mm"/><fo:region-after extent="8mm"/></fo:simple-page-master></fo:layout-master-set>
<fo:page-sequence master-reference="p"><fo:static-content flow-name="xsl-region-before"><fo:block font-size="8pt">{HEADER}</fo:block></fo:static-content>
<fo:static-content flow-name="xsl-region-after"><fo:block font-size="8pt">Page <fo:page-number/></fo:block></fo:static-content>
<fo:flow flow-name="xsl-region-body" font-size="10pt">{body}</fo:flow></fo:page-sequence></fo:root>""")
    run("fop", f"{tmp}/a.fo", pdf)

@maker
def reportlab(pdf, tmp):
    from reportlab.platypus import SimpleDocTemplate, Paragraph, PageBreak, Table
    from reportlab.lib.styles import getSampleStyleSheet
    st = getSampleStyleSheet()
    flow = [Paragraph(TITLE, st["Title"])]
    for i, (head, paras) in enumerate(PAGES):
        flow += ([PageBreak()] if i else []) + [Paragraph(head, st["Heading2"])] + [Paragraph(p, st["BodyText"]) for p in paras]
    flow.append(Table([["Part", "Number", "Price"], ["Filter cartridge", "MP-114", "12.50"], ["Bleed screw", "MP-207", "3.10"], ["Impeller", "MP-333", "48.00"]]))
    def frame(c, d):
        c.setFont("Helvetica", 8)
        c.drawString(30, 400, HEADER)
        c.drawCentredString(149, 15, f"{d.page}")
    SimpleDocTemplate(pdf, pagesize=(298, 420), leftMargin=30, rightMargin=30, topMargin=40, bottomMargin=40, invariant=True, title=TITLE).build(flow, onFirstPage=frame, onLaterPages=frame)

@maker
def fpdf2(pdf, tmp):
    import fpdf
    class F(fpdf.FPDF):
        def header(self):
            self.set_font("Times", size=8); self.cell(0, 6, HEADER, align="R"); self.ln(10)
        def footer(self):
            self.set_y(-12); self.set_font("Times", size=8); self.cell(0, 6, f"Page {self.page_no()} of {{nb}}", align="C")
    f = F(format=(105, 148)); f.set_title(TITLE)
    for i, (head, paras) in enumerate(PAGES):
        f.add_page()
        f.set_font("Times", "B", 13); f.cell(0, 8, TITLE if i == 0 else head); f.ln(10)
        f.set_font("Times", size=10)
        for p in paras:
            f.multi_cell(0, 5, p); f.ln(2)
    f.output(pdf)

@maker
def typst(pdf, tmp):
    import typst as t
    s = f'#set page(width: 105mm, height: 148mm, margin: 18mm, header: text(8pt)[{HEADER}], footer: align(center)[#context counter(page).display("1 / 1", both: true)])\n#set text(10pt, lang: "en", hyphenate: true)\n#set par(justify: true)\n= {TITLE}\n'
    for i, (head, paras) in enumerate(PAGES):
        s += ("#pagebreak()\n" if i else "") + f"== {head}\n" + "\n\n".join(paras) + "\n\n"
    write(f"{tmp}/a.typ", s)
    t.compile(f"{tmp}/a.typ", output=pdf)

@maker
def cairo(pdf, tmp):
    write(f"{tmp}/a.py", f"""
import cairo, textwrap
pages = {PAGES!r}
s = cairo.PDFSurface({pdf!r}, 298, 420)
c = cairo.Context(s)
c.select_font_face("DejaVu Sans")
for n, (head, paras) in enumerate(pages):
    c.set_font_size(8); c.move_to(30, 20); c.show_text({HEADER!r}); c.move_to(140, 408); c.show_text(str(n + 1))
    y = 50
    for size, text in [(13, head)] + [(9, p) for p in paras]:
        c.set_font_size(size)
        for line in textwrap.wrap(text, 46):
            c.move_to(30, y); c.show_text(line); y += size * 1.3
        y += 6
    c.show_page()
s.finish()
""")
    run("/usr/bin/python3.11", f"{tmp}/a.py")

@maker
def matplotlib(pdf, tmp):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib.backends.backend_pdf import PdfPages
    import matplotlib.pyplot as plt, textwrap
    with PdfPages(pdf) as pp:
        for head, paras in PAGES:
            fig = plt.figure(figsize=(5, 6))
            fig.text(0.1, 0.9, head, fontsize=14)
            fig.text(0.1, 0.8, "\n\n".join(textwrap.fill(p, 50) for p in paras), fontsize=9, va="top")
            pp.savefig(fig)

def node(pdf, tmp, script):
    write(f"{tmp}/a.js", f"const TITLE={json.dumps(TITLE)}, HEADER={json.dumps(HEADER)}, PAGES={json.dumps(PAGES)}, OUT={json.dumps(pdf)}, fs=require('fs');\n" + script)
    subprocess.run(["node", f"{tmp}/a.js"], check=True, env={**os.environ, "NODE_PATH": os.environ.get("NODE_PATH", "node_modules")}, timeout=120)

@maker
def pdfkit(pdf, tmp):
    node(pdf, tmp, """const P=require('pdfkit'); const d=new P({size:[298,420],margin:40,info:{Title:TITLE}}); d.pipe(fs.createWriteStream(OUT));
PAGES.forEach(([h,ps],i)=>{ if(i) d.addPage(); d.fontSize(8).text(HEADER,40,20); d.fontSize(13).text(i?h:TITLE,40,45).fontSize(10); ps.forEach(p=>d.moveDown(0.5).text(p,{align:'justify'})); d.fontSize(8); d.page.margins.bottom=0; d.text('Page '+(i+1)+' of 3',40,400); d.page.margins.bottom=40; }); d.end();""")

@maker
def jspdf(pdf, tmp):
    node(pdf, tmp, """const {jsPDF}=require('jspdf'); const d=new jsPDF({unit:'pt',format:[298,420]});
PAGES.forEach(([h,ps],i)=>{ if(i) d.addPage([298,420]); d.setFontSize(8).text(HEADER,30,20).text('Page '+(i+1),140,408); d.setFontSize(13).text(h,30,50); d.setFontSize(10); let y=70;
 ps.forEach(p=>{ const l=d.splitTextToSize(p,238); d.text(l,30,y); y+=l.length*12+6; }); }); fs.writeFileSync(OUT,Buffer.from(d.output('arraybuffer')));""")

@maker
def pdfmake(pdf, tmp):
    node(pdf, tmp, """let P=require('pdfmake'); const fonts={Helvetica:{normal:'Helvetica',bold:'Helvetica-Bold'}};
const doc={info:{title:TITLE},pageSize:{width:298,height:420},pageMargins:[30,40,30,40],defaultStyle:{font:'Helvetica',fontSize:10},header:{text:HEADER,fontSize:8,margin:[30,15,0,0]},footer:(n,c)=>({text:n+' / '+c,fontSize:8,alignment:'center'}),
 content:PAGES.flatMap(([h,ps],i)=>[{text:h,fontSize:13,pageBreak:i?'before':undefined},...ps.map(p=>({text:p,margin:[0,3]}))])};
(async()=>{ P.setFonts?P.setFonts(fonts):0; if(P.setUrlAccessPolicy) P.setUrlAccessPolicy(()=>false); const d=P.createPdf(doc); fs.writeFileSync(OUT,await d.getBuffer()); })();""")

@maker
def pdflib(pdf, tmp):
    node(pdf, tmp, """const {PDFDocument,StandardFonts}=require('pdf-lib'); (async()=>{ const d=await PDFDocument.create(); d.setTitle(TITLE); const f=await d.embedFont(StandardFonts.TimesRoman);
PAGES.forEach(([h,ps],i)=>{ const p=d.addPage([298,420]); p.drawText(HEADER,{x:30,y:400,size:8,font:f}); p.drawText(h,{x:30,y:370,size:13,font:f}); let y=350;
 ps.forEach(t=>{ p.drawText(t,{x:30,y,size:10,font:f,maxWidth:238,lineHeight:12}); y-=12*Math.ceil(f.widthOfTextAtSize(t,10)/225)+8; }); p.drawText(String(i+1),{x:145,y:15,size:8,font:f}); });
 fs.writeFileSync(OUT,await d.save()); })();""")

@maker
def borb(pdf, tmp):
    import borb.pdf as b
    d = b.Document()
    for head, paras in PAGES:
        p = b.Page(); d.append_page(p); l = b.SingleColumnLayout(p)
        l.append_layout_element(b.Paragraph(head, font_size=14))
        for t in paras:
            l.append_layout_element(b.Paragraph(t, font_size=10))
    b.PDF.write(what=d, where_to=pdf)

@maker
def chinese(pdf, tmp):
    css = 'body { font-family: "WenQuanYi Zen Hei" }'
    text = ["要停止机器，请按进水口旁边的红色按钮。机器会在四秒钟之内停下来，绿灯随即熄灭。", "首次启动之前必须给水泵灌水，因为干转的叶轮在两分钟之内就会过热。请向吸水管注入大约三升清水。", "滤芯每九十天更换一次，如果压力低于一点八巴，则应提前更换。"]
    doc = "".join(f'<p style="page-break-before: {"always" if i else "auto"}">{t}</p>' for i, t in enumerate(text))
    write(f"{tmp}/a.html", f'<!doctype html><html lang="zh"><head><meta charset="utf-8"><title>水泵手册</title><style>@page {{ size: 74mm 105mm; margin: 12mm; @bottom-center {{ content: "第 " counter(page) " 页"; font-size: 8pt }} }} {css}</style></head><body>{doc}</body></html>')
    run("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", f"--print-to-pdf={pdf}", f"{tmp}/a.html")

@maker
def russian(pdf, tmp):
    import weasyprint as w
    paras = ["Чтобы остановить машину, нажмите красную кнопку рядом с впускным отверстием. Машина останавливается в течение четырёх секунд, и зелёная лампа гаснет.", "Заменяйте картридж фильтра каждые девяносто дней или раньше, если давление падает ниже 1,8 бар."]
    body = "".join(f"<p>{p}</p>" for p in paras)
    w.HTML(string=f'<html lang="ru"><head><style>@page {{ size: 105mm 148mm; margin: 14mm }} body {{ font: 11pt "DejaVu Serif" }}</style></head><body><h2>Безопасность</h2>{body}</body></html>').write_pdf(pdf)

@maker
def image_only(pdf, tmp):
    run("convert", "-size", "300x200", "xc:white", "-fill", "black", "-font", "DejaVu-Sans", "-pointsize", "20", "-draw", "text 10,60 'A scanned page'", "-monochrome", f"{tmp}/a.png")
    run("img2pdf", f"{tmp}/a.png", "-o", pdf)

@maker
def rows(pdf, tmp):
    """Two columns that are drawn row by row, as a program does that sorts by place."""
    import fpdf, textwrap
    left = textwrap.wrap(" ".join(PAGES[0][1] + PAGES[1][1]), 42)
    right = textwrap.wrap(" ".join(PAGES[2][1] + PAGES[1][1][:1]), 42)
    f = fpdf.FPDF(format="A5"); f.add_page()
    f.set_font("Times", "B", 13); f.text(15, 15, TITLE)
    f.set_font("Times", size=9)
    for i in range(max(len(left), len(right))):
        for x, column in (15, left), (80, right):
            if i < len(column):
                f.text(x, 25 + 4 * i, column[i])
    f.output(pdf)

@maker
def rotated(pdf, tmp):
    """A page whose text runs upwards, with a stamp across it, and one that is turned as a whole."""
    import fpdf
    f = fpdf.FPDF(format="A5"); f.set_font("Times", size=10)
    f.add_page()
    with f.rotation(90, 74, 105):
        for i, line in enumerate(["To stop the machine, press the red button", "beside the inlet. The machine comes to rest", "within four seconds."]):
            f.text(30, 80 + 5 * i, line)
    f.text(40, 190, "Stamp of the archive")
    f.add_page()
    with f.rotation(270, 74, 105):
        for i, line in enumerate(["Prime the pump before the first start, since", "a dry impeller overheats within two minutes."]):
            f.text(30, 80 + 5 * i, line)
    f.output(pdf)
    import pikepdf
    with pikepdf.open(pdf, allow_overwriting_input=True) as p:
        p.pages[1].Rotate = 270
        p.save(pdf)

@maker
def partly_scanned(pdf, tmp):
    import pikepdf
    image_only(f"{tmp}/i.pdf", tmp)
    fpdf2(f"{tmp}/t.pdf", tmp)
    with pikepdf.open(f"{tmp}/t.pdf") as p, pikepdf.open(f"{tmp}/i.pdf") as i:
        p.pages.insert(1, i.pages[0])
        p.save(pdf)

def derived(*args):
    def f(pdf, tmp):
        base = f"{tmp}/base.pdf"
        fpdf2(base, tmp)
        run(*[base if a == "IN" else pdf if a == "OUT" else a for a in args])
    return f

tools["qpdf_encrypted"] = derived("qpdf", "--encrypt", "secret", "owner", "256", "--", "IN", "OUT")
tools["qpdf_owner"] = derived("qpdf", "--encrypt", "", "owner", "256", "--extract=n", "--", "IN", "OUT")
tools["qpdf_linearized"] = derived("qpdf", "--linearize", "--object-streams=generate", "IN", "OUT")
tools["mutool"] = derived("mutool", "clean", "-gggg", "-z", "IN", "OUT")

@maker
def truncated(pdf, tmp):
    fpdf2(pdf, tmp)
    data = open(pdf, "rb").read()
    open(pdf, "wb").write(data[: len(data) * 2 // 3])

def main():
    global out
    out = os.path.abspath(sys.argv[1])
    os.makedirs(out, exist_ok=True)
    for name in sys.argv[2:] or sorted(tools):
        with tempfile.TemporaryDirectory() as tmp:
            try:
                tools[name](f"{out}/{name}.pdf", tmp)
                print(name, os.path.getsize(f"{out}/{name}.pdf"))
            except Exception as e:
                print(name, "skipped:", repr(e)[:300])

if __name__ == "__main__":
    main()
