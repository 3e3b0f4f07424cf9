# The boot sector of the emulated machine. The BIOS puts it at 0x7c00. It reads the
# image behind it to 0x10000, enters 64-bit mode with AVX-512 switched on, makes the
# calls that the image lists, sends the results out of the first serial port, and
# tells Bochs to stop.
#
# The image begins with the address of the results, their size, and the address of
# the calls: function, batch, number of ids; a function of 0 ends them.
.intel_syntax noprefix
.code16
.globl _start
_start:
	cli
	xor ax, ax
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov sp, 0x7c00
read:
	mov ah, 0x42
	mov si, offset packet
	int 0x13
	jc stop
	add word ptr [packet+6], 0x800
	add dword ptr [packet+8], 64
	dec word ptr [pieces]
	jnz read

	# One page of 2 MB: the tables lie at 0x1000, 0x2000 and 0x3000.
	mov dword ptr [0x1000], 0x2003
	mov dword ptr [0x2000], 0x3003
	mov dword ptr [0x3000], 0x0083
	lgdt [descriptors]
	mov eax, 0x40620        # PAE, OSFXSR, OSXMMEXCPT, OSXSAVE
	mov cr4, eax
	mov eax, 0x1000
	mov cr3, eax
	mov ecx, 0xc0000080     # EFER
	rdmsr
	or eax, 0x100           # LME
	wrmsr
	mov eax, 0x80000023     # PG, NE, MP, PE
	mov cr0, eax
	.byte 0xea              # a far jump to the 64-bit segment
	.word long, 8
stop:
	hlt
	jmp stop

.code64
long:
	xor ecx, ecx
	xor edx, edx
	mov eax, 0xe7           # x87, SSE, AVX, the three states of AVX-512
	xsetbv
	mov rbx, [0x10010]
call:
	mov rax, [rbx]
	test rax, rax
	jz results
	push rbx
	push [rbx+16]
	push [rbx+8]
	call rax
	add rsp, 16
	pop rbx
	add rbx, 24
	jmp call
results:
	mov edx, 0x3fb
	mov al, 3               # bytes of eight bits
	out dx, al
	mov rsi, [0x10000]
	mov rcx, [0x10008]
send:
	mov edx, 0x3fd
ready:
	in al, dx
	test al, 0x20
	jz ready
	mov edx, 0x3f8
	lodsb
	out dx, al
	loop send
drain:
	mov edx, 0x3fd
	in al, dx
	test al, 0x40
	jz drain
	mov edx, 0x8900         # Bochs stops when it reads this word here
	mov esi, offset shutdown
	mov ecx, 8
	rep outsb
	jmp drain

shutdown:
	.ascii "Shutdown"
	.balign 8
segments:
	.quad 0, 0x00209a0000000000
descriptors:
	.word 15
	.long segments
packet:
	.byte 16, 0
	.word 64, 0, 0x1000
	.quad 1

	.org 508
pieces:
	.word 0                 # of 64 sectors; set by the program
	.byte 0x55, 0xaa
