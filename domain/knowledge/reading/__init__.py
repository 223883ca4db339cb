"""Files become blocks: text formats here, PDF, DOCX and HTML in a process of their own with bounds."""
